"""Cameras as bags describe them: CameraInfo, and where one camera sits in the other's view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mapper.core.geometry import inverse, pose_from_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from mapper.io.cameras.calibration_formats import lens
from mapper.io.cameras.camera import Camera


def camera_of_info(info: Any, rectified: bool) -> Camera:
    """The camera of a CameraInfo; rectified: of images without distortion, whose matrix is P."""
    K = np.asarray(_either(info, "k", "K"), float).reshape(3, 3)
    P = np.asarray(_either(info, "p", "P"), float).reshape(3, 4)
    if rectified and P[0, 0] > 0:
        K = P[:, :3]
    coefficients = [] if rectified else [float(v) for v in _either(info, "d", "D")]
    camera = Intrinsics(K[0, 0], K[1, 1], K[0, 2], K[1, 2], int(info.width), int(info.height))
    camera = _binned(_cropped(camera, info.roi), int(info.binning_x), int(info.binning_y))
    model = str(info.distortion_model)
    # A driver that knows no distortion may name any model, or none.
    return Camera(camera, *lens(model if any(coefficients) else "", coefficients))


def relative_pose(
    transforms: Iterable[tuple[str, str, np.ndarray]], color: str, depth: str
) -> np.ndarray | None:
    """T_color_depth (4, 4) by way of transforms (parent, child, T_parent_child); None if apart."""
    links: dict[str, dict[str, np.ndarray]] = {}
    for parent, child, T in transforms:
        links.setdefault(parent, {})[child] = T
        links.setdefault(child, {})[parent] = inverse(T)
    found, fresh = {color: np.eye(4)}, [color]
    while fresh:
        frame = fresh.pop()
        for other, T in links.get(frame, {}).items():
            if other not in found:
                found[other] = found[frame] @ T
                fresh.append(other)
    return found.get(depth)


def transform(message: Any) -> np.ndarray:
    """float64 (4, 4) of a geometry_msgs/Transform."""
    q, t = message.rotation, message.translation
    rotation = np.array([q.x, q.y, q.z, q.w])
    if not rotation.any():
        rotation[3] = 1.0
    return pose_from_quaternion_xyzw(rotation[None], np.array([[t.x, t.y, t.z]]))[0]


def _cropped(camera: Intrinsics, region: Any) -> Intrinsics:
    if not region.width or not region.height:
        return camera
    return camera.cropped(
        int(region.x_offset), int(region.y_offset), int(region.width), int(region.height)
    )


def _binned(camera: Intrinsics, x: int, y: int) -> Intrinsics:
    if x <= 1 and y <= 1:
        return camera
    return camera.resized(camera.width // max(x, 1), camera.height // max(y, 1))


def _either(info: Any, small: str, large: str) -> Any:
    """ROS 2 has small letters where ROS 1 has capitals."""
    return getattr(info, small, None) if hasattr(info, small) else getattr(info, large)

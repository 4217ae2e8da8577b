"""One camera for all images of a run whose frontend said another one of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

SAMPLES: Final = 1000  # points of a keyframe, by which its pose is found again
FEWEST: Final = 12


@dataclass(frozen=True, slots=True)
class SharedCamera:
    """camera: of the frontend's images. T_keyframe_shared: by keyframe id, (4, 4), where the camera
    stood if it was that one, so that the keyframe's own points stay at their pixels. before, after:
    by how many pixels they are off (RMS over all), without moving the keyframes and with."""

    camera: Intrinsics
    T_keyframe_shared: dict[int, Float64[np.ndarray, "4 4"]]
    before: float
    after: float


def middle_camera(cameras: Sequence[Intrinsics]) -> Intrinsics:
    """The median of cameras of one size."""
    fx, fy, cx, cy = np.median([(c.fx, c.fy, c.cx, c.cy) for c in cameras], axis=0).tolist()
    return Intrinsics(fx, fy, cx, cy, cameras[0].width, cameras[0].height)


def share_camera(
    keyframes: Sequence[Keyframe], map_of: Callable[[int], KeyframeMap]
) -> SharedCamera:
    """The median of the keyframes' cameras, and their poses under it.

    Raises InputError for images of several sizes.
    """
    cameras = [keyframe.intrinsics for keyframe in keyframes]
    if len(sizes := {(camera.width, camera.height) for camera in cameras}) > 1:
        told = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise InputError(f"--shared-camera: the keyframes have images of {told}, no one camera")
    fx, fy, cx, cy = np.median([(c.fx, c.fy, c.cx, c.cy) for c in cameras], axis=0).tolist()
    camera = Intrinsics(fx, fy, cx, cy, cameras[0].width, cameras[0].height)
    poses, squares = {}, np.zeros((0, 2))
    for keyframe in keyframes:
        pixels, points = _sampled(map_of(keyframe.id))
        T = _placed_again(pixels, points, camera) if len(points) >= FEWEST else np.eye(4)
        poses[keyframe.id] = inverse(T)
        off = [((_seen(points, camera, way) - pixels) ** 2).sum(1) for way in (np.eye(4), T)]
        squares = np.concatenate([squares, np.stack(off, 1)])
    before, after = np.sqrt(squares.mean(0)).tolist() if len(squares) else (0.0, 0.0)
    return SharedCamera(camera, poses, before, after)


def depth_from(
    depth: Float32[np.ndarray, "h w"],
    worked: Intrinsics,
    T_keyframe_shared: Float64[np.ndarray, "4 4"],
) -> Float32[np.ndarray, "h w"]:
    """Depths of a keyframe along the axis of where it stands under the shared camera."""
    T = inverse(T_keyframe_shared)
    moved = backproject(depth, worked) @ T[2, :3].astype(np.float32) + np.float32(T[2, 3])
    return np.where((depth > 0) & (moved > 0), moved, np.float32(0))


def _sampled(view: KeyframeMap) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 2) and points in the camera (n, 3), of a grid."""
    rows, columns = np.nonzero(view.depth > 0)
    chosen = np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)
    pixels = np.stack([columns, rows], 1)[chosen].astype(np.float64)
    points = backproject(view.depth, view.intrinsics)[rows, columns][chosen]
    return pixels, points.astype(np.float64)


def _placed_again(pixels: np.ndarray, points: np.ndarray, camera: Intrinsics) -> np.ndarray:
    """T_shared_keyframe (4, 4) of least squares, from where it stood."""
    none = np.zeros((3, 1))
    _, turn, shift = cv2.solvePnP(
        points, pixels, camera.matrix, None, none.copy(), none.copy(), useExtrinsicGuess=True
    )
    rotation = cv2.Rodrigues(turn)[0]
    return np.vstack([np.hstack([rotation, shift]), [0.0, 0.0, 0.0, 1.0]])


def _seen(points: np.ndarray, camera: Intrinsics, T: np.ndarray) -> np.ndarray:
    """Pixels (n, 2)."""
    X = points @ T[:3, :3].T + T[:3, 3]
    u = camera.fx * X[:, 0] / X[:, 2] + camera.cx
    return np.stack([u, camera.fy * X[:, 1] / X[:, 2] + camera.cy], 1)

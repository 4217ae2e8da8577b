"""Decides which frames become keyframes: by what they still share with the last one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mapper.backend.keyframe import Keyframe
from mapper.depth_noise import depth_sigma
from mapper.geometry import inverse
from mapper.intrinsics import Intrinsics
from mapper.prediction import Prediction

STEP = 8  # every 8th pixel a side: 4800 of 640x480


@dataclass(frozen=True, slots=True)
class KeyframeConfig:
    """min_overlap: a frame that shares less than this with its keyframe becomes one.

    max_frames: a keyframe carries at most this many frames, however still the camera stands.
    """

    min_overlap: float = 0.75
    max_frames: int = 60


def needs_keyframe(
    current: Keyframe | None,
    current_depth: np.ndarray | None,
    prediction: Prediction,
    config: KeyframeConfig,
) -> bool:
    """Whether `prediction` should open a new keyframe instead of hanging on `current`.

    current_depth: float32 (H, W), the keyframe's depth map.
    """
    if current is None or current_depth is None or prediction.segment != current.segment:
        return True
    if len(current.frames) >= config.max_frames:
        return True
    T_keyframe_camera = inverse(current.T_odometry_keyframe) @ prediction.T_world_camera
    believed = prediction.confidence[::STEP, ::STEP, None] > 0
    points = np.where(believed, prediction.pointmap[::STEP, ::STEP], np.float32(0))
    shared = shared_view(points, T_keyframe_camera, current_depth, current.intrinsics, step=1)
    return shared < config.min_overlap


def shared_view(
    pointmap: np.ndarray,
    T_b_a: np.ndarray,
    depth_b: np.ndarray,
    intrinsics_b: Intrinsics,
    step: int = STEP,
) -> float:
    """Share, 0..1, of a pointmap's points that lie in view b and are not hidden in it.

    Looks at every step-th row and column.
    """
    k = intrinsics_b
    points, shared = _count_shared(
        pointmap,
        T_b_a[:3, :3].astype(np.float32),
        T_b_a[:3, 3].astype(np.float32),
        depth_b,
        np.array([k.fx, k.fy, k.cx, k.cy], np.float32),
        step,
    )
    return 1.0 if points == 0 else shared / points


@njit(cache=True, nogil=True)
def _count_shared(pointmap, R, t, depth, camera, step):
    height, width = depth.shape
    points = shared = 0
    for row in range(0, pointmap.shape[0], step):
        for column in range(0, pointmap.shape[1], step):
            px, py, pz = (
                pointmap[row, column, 0],
                pointmap[row, column, 1],
                pointmap[row, column, 2],
            )
            if pz <= 0:
                continue
            points += 1
            z = R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2]
            if z <= 0.05:
                continue
            x = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
            y = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
            u = int(np.floor(camera[0] * x / z + camera[2] + 0.5))
            v = int(np.floor(camera[1] * y / z + camera[3] + 0.5))
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            z_b = depth[v, u]
            if z_b <= 0 or z <= z_b + 6 * depth_sigma(z) + 0.02 * z:
                shared += 1
    return points, shared

"""Decides which frames become keyframes: by what they still share with the last one."""

from __future__ import annotations

import numpy as np
from numba import njit

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise, depth_sigma
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.quantities import Frames, Share
from mapper.core.settings_model import settings

STEP = 8  # every 8th pixel a side: 4800 of 640x480


@settings
class KeyframeConfig:
    """When a frame becomes a keyframe.

    min_overlap: a frame that shares less than this with its keyframe becomes one.
    max_frames: a keyframe carries at most this many frames, however still the camera stands.
    max_predicted: ... and of a network's frames, whose poses drift against one another, so many.
    """

    min_overlap: Share = 0.75
    max_frames: Frames = 60
    max_predicted: Frames = 20


def needs_keyframe(
    current: Keyframe,
    current_depth: np.ndarray,
    prediction: Prediction,
    T_keyframe_camera: np.ndarray,
    config: KeyframeConfig,
) -> bool:
    """Whether `prediction` should open a new keyframe instead of hanging on `current`.

    current_depth: float32 (H, W), the keyframe's depth map. T_keyframe_camera: (4, 4), where the
    frame is expected.
    """
    limit = config.max_frames if prediction.noise.is_measured else config.max_predicted
    if len(current.frames) >= limit:
        return True
    believed = prediction.confidence[::STEP, ::STEP, None] > 0
    points = np.where(believed, prediction.pointmap[::STEP, ::STEP], np.float32(0))
    shared = shared_view(
        points, T_keyframe_camera, current_depth, current.intrinsics, 1, prediction.noise
    )
    return shared < config.min_overlap


def shared_view(
    pointmap: np.ndarray,
    T_b_a: np.ndarray,
    depth_b: np.ndarray,
    intrinsics_b: Intrinsics,
    step: int = STEP,
    noise: DepthNoise = STRUCTURED_LIGHT,
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
        noise.coefficients,
        step,
    )
    return 1.0 if points == 0 else shared / points


@njit(cache=True, nogil=True)
def _count_shared(pointmap, R, t, depth, camera, noise, step):
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
            if z_b <= 0 or z <= z_b + 6 * depth_sigma(z, noise) + 0.02 * z:
                shared += 1
    return points, shared

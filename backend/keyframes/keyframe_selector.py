"""Decides which frames become keyframes: by what they still share with the last one."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.quantities import Frames, Share
from mapper.core.settings_model import settings
from mapper.runtime.kernels import kernel
from mapper.vision.image_sizes import sampling_step
from mapper.vision.reprojection import (
    HIDDEN,
    NEAREST,
    camera_of,
    is_inside,
    motion_of,
    moved,
    nearest_pixel,
    within,
)

STEP = 8  # every 8th pixel a side: 4800 of 640x480; closer in small images


@settings
class KeyframeConfig:
    """When a frame becomes a keyframe.

    min_overlap: a frame that shares less than this with its keyframe becomes one.
    max_frames: a keyframe carries at most this many frames, however still the camera stands; those
        of a network that are known to be of a standing camera do not count.
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
    standing: int = 0,
) -> bool:
    """Whether `prediction` should open a new keyframe instead of hanging on `current`.

    current_depth: float32 (H, W), the keyframe's depth map. T_keyframe_camera: (4, 4), where the
    frame is expected. standing: how many of its frames are of a camera that stood, and add nothing.
    """
    limit = config.max_frames if prediction.noise.is_measured else config.max_predicted
    if len(current.frames) - standing >= limit:
        return True
    step = sampling_step(prediction.confidence, STEP)
    believed = prediction.confidence[::step, ::step, None] > 0
    points = np.where(believed, prediction.pointmap[::step, ::step], np.float32(0))
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
    points, shared = _count_shared(
        pointmap, depth_b, camera_of(intrinsics_b), motion_of(T_b_a), noise.coefficients, step
    )
    return 1.0 if points == 0 else shared / points


@kernel()
def _count_shared(pointmap, depth, camera, motion, noise, step):
    points = shared = 0
    for row in range(0, pointmap.shape[0], step):
        for column in range(0, pointmap.shape[1], step):
            point = pointmap[row, column]
            if point[2] <= 0:
                continue
            points += 1
            X = moved(motion, point)
            if X[2] <= NEAREST:
                continue
            u, v = nearest_pixel(camera, X)
            if not is_inside(depth, u, v):
                continue
            if depth[v, u] <= 0 or X[2] <= depth[v, u] + within(HIDDEN, X[2], noise):
                shared += 1
    return points, shared

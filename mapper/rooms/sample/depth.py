"""What a structured-light depth camera makes of true depth: noise, steps and holes."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

MAX_DEPTH: Final = 4.5  # metres
MIN_COSINE: Final = 0.16  # below it the surface is too slanted to send light back
FOCAL_BASELINE: Final = 525.0 * 0.075  # pixels of a 640 pixel wide image times metres
DISPARITY_STEP: Final = 0.125  # pixels, as in the first Kinect
BLOB: Final = 4  # pixels: readings fail in patches of about this size


def sensed_depth(
    depth: np.ndarray, slant: np.ndarray, dropout: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """float32 (H, W), metres, 0 where the camera has no reading.

    depth: true depth (H, W), metres. slant: cosine of the angle between normal and ray (H, W).
    dropout: share of readings (H, W) that fail because of the surface. The noise's deviation is
    0.0012 + 0.0019 (z - 0.4)^2 metres; source: Nguyen, Izadi, Lovell, "Modeling Kinect Sensor
    Noise", 3DIMPVT 2012, axial noise.
    """
    deviation = 0.0012 + 0.0019 * (depth - 0.4) ** 2
    noisy = depth + deviation * rng.standard_normal(depth.shape, np.float32)
    disparity = FOCAL_BASELINE / np.maximum(noisy, 0.1)
    steps = np.maximum(np.round(disparity / np.float32(DISPARITY_STEP)), 1)
    result = (FOCAL_BASELINE / DISPARITY_STEP) / steps
    failed = _patches(depth.shape, rng) < dropout
    failed |= _patches(depth.shape, rng) > slant / MIN_COSINE
    failed |= (depth > MAX_DEPTH) | _unlit(depth)
    result[failed] = 0
    return result.astype(np.float32)


def _patches(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W): uniform in 0..1, the same within small patches."""
    coarse = rng.random((shape[0] // BLOB + 2, shape[1] // BLOB + 2), np.float32)
    size = (coarse.shape[1] * BLOB, coarse.shape[0] * BLOB)
    enlarged = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
    return enlarged[: shape[0], : shape[1]]


def _unlit(depth: np.ndarray) -> np.ndarray:
    """Where the projector, to the right of the camera, is hidden by something nearer: bool (H, W).

    A ray of the projector meets the pixel at column minus disparity; going from right to left,
    whatever lies beyond the smallest one so far is in the shadow.
    """
    width = depth.shape[1]
    columns = np.arange(width, dtype=np.float32)
    met = columns - (FOCAL_BASELINE * width / 640) / np.maximum(depth, 0.1)
    smallest = np.minimum.accumulate(met[:, ::-1], axis=1)[:, ::-1]
    unlit = np.zeros(depth.shape, bool)
    unlit[:, :-1] = met[:, :-1] > smallest[:, 1:] + 0.5
    return unlit

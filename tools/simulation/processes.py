"""Random processes over frames: seeded, and the same at every resolution and length."""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np
from scipy.signal import lfilter


class Stream(IntEnum):
    """What a generator is for: each error draws from its own, so that one changes no other."""

    ROTATION = 0
    TRANSLATION = 1
    SCALE = 2
    BIAS = 3
    WARP = 4
    NOISE = 5
    CONFIDENCE = 6
    CONFIDENCE_NOISE = 7
    OUTLIERS = 8
    RESETS = 9
    EXPOSURE = 10
    IMAGE_NOISE = 11


def generator(seed: int, stream: Stream, *counters: int) -> np.random.Generator:
    """The generator of one error, and of one segment or frame of it."""
    return np.random.default_rng([seed, stream, *counters])


def correlated_noise(
    rng: np.random.Generator, count: int, size: int, correlation_frames: float
) -> np.ndarray:
    """float64 (count, size): independent stationary Ornstein-Uhlenbeck processes of unit variance.

    Autocorrelation exp(-frames / correlation_frames); white if that is 0. A longer run begins
    with the shorter one.
    """
    decay = np.exp(-1.0 / correlation_frames) if correlation_frames > 0 else 0.0
    steps = rng.standard_normal((count, size)) * np.sqrt(1.0 - decay**2)
    steps[:1] /= np.sqrt(1.0 - decay**2)
    return lfilter([1.0], [1.0, -decay], steps, axis=0)


def spread_over(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 (height, width): a coarse grid of knots, interpolated bicubically."""
    return cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)

"""Random processes over frames: seeded, and the same at every resolution and length."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import cv2
import numpy as np
from scipy.signal import lfilter

from simulation.config import TailConfig

MIDDLE: Final = 0.6745  # standard deviations, within which lies half of a normal distribution


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


def with_tails(normal: np.ndarray, tails: TailConfig) -> np.ndarray:
    """Errors of any shape and type, normal with variance 1, as often far from 0 as `tails` says;
    what is smooth over frames or pixels stays so.

    Source: Hoaglin, "Summarizing shape numerically: the g-and-h distributions", 1985.
    """
    if not tails.weight:
        return normal
    grown = normal * np.exp(tails.weight / 2 * (normal**2 - MIDDLE**2))
    if tails.farthest:
        grown = np.clip(grown, -tails.farthest, tails.farthest)
    return np.asarray(grown, normal.dtype)


def blurred_noise(rng: np.random.Generator, size: tuple[int, int], extent: float) -> np.ndarray:
    """float32 (H, W) = size: normal noise of variance 1, whose correlation is 1/e at so many pixels
    from each other; white at 0."""
    if extent <= 0:
        return rng.standard_normal(size, np.float32)
    sigma = extent / 2
    reach = int(np.ceil(3 * sigma))
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma, cv2.CV_32F)
    padded = rng.standard_normal((size[0] + 2 * reach, size[1] + 2 * reach), np.float32)
    blurred = cv2.sepFilter2D(padded, -1, kernel, kernel)[reach:-reach, reach:-reach]
    return blurred / np.float32((kernel**2).sum())


def spread_over(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 (height, width): a coarse grid of knots, interpolated bicubically."""
    return cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)

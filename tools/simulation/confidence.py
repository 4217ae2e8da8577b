"""Confidence that knows something of the error, but not all."""

from __future__ import annotations

import cv2
import numpy as np

from simulation.config import ConfidenceConfig
from simulation.processes import Stream, correlated_noise, generator, spread_over

GRID = (6, 8)
LEAST_ERROR = 0.2  # of the typical one, below which confidence cannot tell errors apart
WORST = np.float32(-3.0)
CORRELATION_FRAMES = 5.0
WINDOW = (5, 5)  # pixels: a network foresees the error of a neighbourhood, not of a pixel


class SimulatedConfidence:
    """Confidence maps of one segment, as heads with an exponential activation give them."""

    def __init__(self, config: ConfidenceConfig, seed: int, segment: int, count: int) -> None:
        self.config = config
        self._noise_key = (seed, Stream.CONFIDENCE_NOISE, segment)
        rng = generator(seed, Stream.CONFIDENCE, segment)
        self._grid = correlated_noise(rng, count, GRID[0] * GRID[1], CORRELATION_FRAMES)

    def of(self, frame: int, relative_error: np.ndarray, outlier: np.ndarray) -> np.ndarray:
        """float32 (H, W), at least 1, from the error of depth (H, W) and the outliers' mask.

        The outliers' own error is not in relative_error: the model does not see them well.
        """
        config = self.config
        height, width = relative_error.shape
        around = cv2.blur(np.abs(relative_error).astype(np.float32), WINDOW)
        known = foretold(around, config.typical_error)
        rng = generator(*self._noise_key, frame)
        white = rng.standard_normal((height, width), np.float32)
        smooth = spread_over(self._grid[frame].reshape(GRID), height, width)
        unknown = np.sqrt(1 - config.white) * smooth + np.sqrt(config.white) * white
        z = config.correlation * known + np.sqrt(1 - config.correlation**2) * unknown
        excess = np.exp(config.level + config.spread * z)
        return 1 + np.where(outlier, config.outlier_factor * excess, excess).astype(np.float32)


def foretold(around: np.ndarray, typical: float) -> np.ndarray:
    """What the mean error around a pixel, (*n) of them, tells of its confidence: about 0 where it
    is the typical one, more where it is smaller."""
    ratio = around / np.float32(typical) + np.float32(LEAST_ERROR)
    return np.maximum(-np.log(ratio), WORST)

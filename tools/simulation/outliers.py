"""Things that move through the picture and whose depth the model gets wrong."""

from __future__ import annotations

import numpy as np

from simulation.config import OutlierConfig
from simulation.processes import Stream, generator

ASPECT = (0.6, 1.6)  # a blob's height to its width
SLOWEST = 0.3  # share of the greatest speed


class MovingOutliers:
    """Ellipses on straight paths; what leaves the image comes back on the other side."""

    def __init__(self, config: OutlierConfig, seed: int) -> None:
        rng = generator(seed, Stream.OUTLIERS)
        n = config.count
        self._radius = config.radius
        self._start = rng.uniform(0, 1, (n, 2))
        angle = rng.uniform(0, 2 * np.pi, n)
        speed = config.speed * rng.uniform(SLOWEST, 1, n)
        self._velocity = speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        self._aspect = rng.uniform(*ASPECT, n)
        sign = rng.choice([-1.0, 1.0], n)
        self._log_offset = sign * config.log_offset * rng.uniform(0.5, 1, n)

    def log_offset(self, frame: int, height: int, width: int) -> np.ndarray:
        """float32 (height, width): offset of log-depth, 0 outside the blobs."""
        result = np.zeros((height, width), np.float32)
        u = (np.arange(width, dtype=np.float32) + 0.5) / width
        v = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
        margin = 2 * self._radius
        for k, offset in enumerate(self._log_offset):
            centre = (self._start[k] + frame * self._velocity[k]) % (1 + 2 * margin) - margin
            across = (u - centre[0]) / self._radius
            down = (v - centre[1]) * (height / width) / (self._radius * self._aspect[k])
            result[across**2 + down**2 < 1] = offset
        return result

"""Depth maps with the errors that networks make."""

from __future__ import annotations

import cv2
import numpy as np

from simulation.config import DepthErrorConfig
from simulation.processes import (
    Stream,
    blurred_noise,
    correlated_noise,
    generator,
    spread_over,
    with_tails,
)

GRID = (3, 4)  # rows and columns of the knots of the warp
EDGE_STEP = np.float32(0.04)  # relative depth step across one pixel that is an edge
FAR = np.float32(1e9)


class DepthErrors:
    """The errors of one segment's depth maps, frame by frame."""

    def __init__(self, config: DepthErrorConfig, seed: int, segment: int, count: int) -> None:
        self.config = config
        self._noise_key = (seed, Stream.NOISE, segment)
        self._bias = config.bias * correlated_noise(
            generator(seed, Stream.BIAS, segment), count, 1, config.bias_correlation_frames
        )
        rng, knots = generator(seed, Stream.WARP, segment), GRID[0] * GRID[1]
        warp = correlated_noise(rng, count, knots, config.warp_correlation_frames)
        self._warp = config.warp * with_tails(warp, config.warp_tails)

    def log_error(self, frame: int, height: int, width: int) -> np.ndarray:
        """float32 (height, width): bias, warp and noise of a frame's log-depth."""
        grid = self._warp[frame].reshape(GRID) + self._bias[frame]
        error = spread_over(grid, height, width)
        config, rng = self.config, generator(*self._noise_key, frame)
        noise = blurred_noise(rng, (height, width), config.noise_extent * width)
        return error + np.float32(config.noise) * with_tails(noise, config.noise_tails)


def smear_edges(depth: np.ndarray, radius: int) -> np.ndarray:
    """Depth float32 (H, W), averaged near depth edges: flying pixels between the surfaces.

    Pixels without depth (0) stay so and count for nothing. radius: pixels, 0 for no change.
    """
    if radius == 0:
        return depth
    valid = depth > 0
    near = cv2.erode(np.where(valid, depth, FAR), np.ones((3, 3), np.uint8))
    far = cv2.dilate(depth, np.ones((3, 3), np.uint8))
    edge = (far - near > EDGE_STEP * depth) & valid
    window = (2 * radius + 1, 2 * radius + 1)
    around = cv2.dilate(edge.astype(np.uint8), np.ones(window, np.uint8)) > 0
    total = cv2.GaussianBlur(depth, window, 0)
    weight = cv2.GaussianBlur(valid.astype(np.float32), window, 0)
    return np.where(around & valid, total / np.maximum(weight, np.float32(1e-6)), depth)

"""Removes the readings that hang in the air between two surfaces."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.depth_noise import NEAREST, DepthNoise

MIN_NEIGHBOURS = 6  # readings in the 3x3 window, the pixel itself among them
FAR = np.float32(1e9)
WINDOW = np.ones((3, 3), np.uint8)


def mask_unreliable(
    depth: np.ndarray, relative_step: float, noise_step: DepthNoise | None = None
) -> np.ndarray:
    """Depth float32 (H, W) with flying pixels and the rims of surfaces set to 0.

    At a depth edge the sensor reports readings that belong to neither surface. A pixel with a
    neighbour more than `relative_step` of its depth away, or with too few neighbours, is dropped.
    noise_step: a step that a surface may take by its noise alone, where that is more.
    """
    valid = depth > 0
    highest = cv2.dilate(depth, WINDOW)
    lowest = cv2.erode(np.where(valid, depth, FAR), WINDOW)
    neighbours = cv2.boxFilter(
        valid.view(np.uint8), cv2.CV_8U, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    limit = np.float32(relative_step) * depth
    if noise_step is not None:
        near = depth - np.float32(NEAREST)
        floor, relative, quadratic = noise_step.coefficients
        np.maximum(limit, floor + relative * depth + quadratic * near * near, out=limit)
    keep = (highest - depth <= limit) & (depth - lowest <= limit) & (neighbours >= MIN_NEIGHBOURS)
    return np.where(keep & valid, depth, np.float32(0))

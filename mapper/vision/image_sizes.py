"""What is small for an image: thresholds in pixels hold for larger ones, and shrink with smaller.

A camera of 320x240 pixels or more is not small, nor is one of 256x192 or a network's 224x224.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Shaped

SMALL_PIXELS: Final = 48_000  # images with fewer are small


def smallness(width: int, height: int) -> float:
    """By how much a side an image is smaller than the smallest that is not small; at least 1."""
    return max(1.0, float(np.sqrt(SMALL_PIXELS / (width * height))))


def sampling_step(image: Shaped[np.ndarray, "h w"], step: int) -> int:
    """Every how many-th pixel a side is looked at where `step` is enough for larger images."""
    height, width = image.shape
    return max(1, int(step / smallness(width, height)))


def reduced_mask(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A mask at another size (width, height): True where all that the pixel is made of is."""
    if mask.shape == size[::-1]:
        return mask
    kept = np.where(mask, np.float32(0), np.float32(1))
    shrinks = size[0] < mask.shape[1]
    left_out = cv2.resize(kept, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(left_out <= 1e-6)

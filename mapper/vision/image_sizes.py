"""What is small for an image: thresholds in pixels hold for larger ones, and shrink with smaller.

A camera of 320x240 pixels or more is not small, nor is one of 256x192 or a network's 224x224.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Shaped

SMALL_PIXELS: Final = 48_000  # images with fewer are small


def smallness(width: int, height: int) -> float:
    """By how much a side an image is smaller than the smallest that is not small; at least 1."""
    return max(1.0, float(np.sqrt(SMALL_PIXELS / (width * height))))


def sampling_step(image: Shaped[np.ndarray, "h w"], step: int) -> int:
    """Every how many-th pixel a side is looked at where `step` is enough for larger images."""
    height, width = image.shape
    return max(1, int(step / smallness(width, height)))

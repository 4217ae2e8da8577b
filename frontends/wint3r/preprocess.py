"""Images at the sizes and values that WinT3R was trained with; exact to the pixel."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mapper.frontends.cut3r.preprocess import Layout

SIZE: Final = 512  # of the longer side
HEIGHTS: Final = (384, 336, 288, 256, 224)  # of the shorter one
SLACK: Final = 0.001  # of the aspect ratio
# Of ImageNet's images; sibling models take 0.5 for all six.
MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)


def layout_of(width: int, height: int) -> Layout:
    """How an image of width x height becomes the network's; the crop may leave the image.

    Resized to 512, then cut to the first of the heights that loses nothing, but for the narrowest
    images, to which black is added. (Section 1.1 of the description.)
    """
    longest = max(width, height)
    # Round half to even, as Python does: other roundings shift some sizes by a pixel.
    resized = (round(width * SIZE / longest), round(height * SIZE / longest))
    aspect = max(resized) / min(resized)
    short = next((h for h in HEIGHTS if SIZE / h > aspect - SLACK), HEIGHTS[-1])
    target = (short, SIZE) if resized[0] < resized[1] else (SIZE, short)
    left, top = (resized[i] // 2 - target[i] // 2 for i in (0, 1))
    return Layout(resized, (left, top, left + target[0], top + target[1]))


def preprocessed(image: Image.Image | np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) RGB at the network's size, of an RGB image."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    layout = layout_of(*picture.size)
    shrinks = max(picture.size) > SIZE
    kind = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return np.asarray(picture.resize(layout.resized, kind).crop(layout.crop))


def inside(layout: Layout) -> np.ndarray:
    """bool (H, W): pixels of the network's image that the camera saw."""
    left, top, right, bottom = layout.crop
    columns, rows = np.arange(left, right), np.arange(top, bottom)
    seen_columns = (columns >= 0) & (columns < layout.resized[0])
    seen_rows = (rows >= 0) & (rows < layout.resized[1])
    return seen_rows[:, None] & seen_columns


def normalised(pixels: Tensor) -> Tensor:
    """float32 of uint8 (..., 3, H, W)."""
    mean = torch.tensor(MEAN, device=pixels.device)[:, None, None]
    deviation = torch.tensor(DEVIATION, device=pixels.device)[:, None, None]
    return (pixels.float() / 255 - mean) / deviation


def as_tensor(image: np.ndarray) -> Tensor:
    """float32 (1, 3, H, W), normalised, of uint8 (H, W, 3)."""
    return normalised(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])

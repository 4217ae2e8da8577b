"""Images at the sizes and values that WinT3R was trained with; exact to the pixel."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mapper.frontends.images import Layout, as_picture, resampling, unit_range

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

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
    return Layout(resized, (left, top), target)


def preprocessed(image: Image.Image | UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """uint8 (H, W, 3) RGB at the network's size, of an RGB image."""
    picture = as_picture(image)
    layout = layout_of(*picture.size)
    kind = resampling(shrinks=max(picture.size) > SIZE)
    return np.asarray(picture.resize(layout.resized, kind).crop(layout.box))


def normalised(colours: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n 3 h w"]:
    """Of colours in [0, 1]."""
    mean, deviation = _statistics(colours.device)
    return (colours - mean) / deviation


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 1, 1) each, kept on the device: a copy a frame would wait for it."""
    with torch.inference_mode(False):
        both = torch.tensor([MEAN, DEVIATION], device=device)[:, :, None, None]
        return both[0], both[1]


def as_tensor(
    image: UInt8[np.ndarray, "h w 3"] | UInt8[Tensor, "h w 3"],
) -> Float32[Tensor, "1 3 h w"]:
    """float32 (1, 3, H, W), normalised, of uint8 (H, W, 3)."""
    return normalised(unit_range(image))

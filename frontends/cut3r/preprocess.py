"""Images at the sizes and values that CUT3R was trained with; exact to the pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.images import Layout, as_picture, resampling, too_narrow, unit_range

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

PATCH = 16
SQUARE_SIZE = 224  # the size of the linear checkpoint, which only knows squares


def layout_of(
    width: int, height: int, size: int, square_ok: bool = False, patch: int = PATCH
) -> Layout:
    """Of an image of width x height for a model of `size`.

    square_ok: leave square images square where the size allows it; published: cut to 4:3. patch:
    pixels that both sides are a multiple of.
    """
    longest = size
    if size == SQUARE_SIZE:  # the short side becomes 224
        longest = round(size * max(width / height, height / width))
    # Round half to even, as Python does: other roundings shift some sizes by a pixel.
    long_side = max(width, height)
    new = (round(width * longest / long_side), round(height * longest / long_side))
    cx, cy = new[0] // 2, new[1] // 2
    if size == SQUARE_SIZE:
        half_width = half_height = min(cx, cy)
    else:
        half = patch // 2
        half_width, half_height = (c // half * half for c in (cx, cy))
        if new[0] == new[1] and not square_ok:
            half_height = 3 * half_width // 4 // half * half
    if half_width == 0 or half_height == 0:
        raise too_narrow(width, height)
    return Layout(new, (cx - half_width, cy - half_height), (2 * half_width, 2 * half_height))


def preprocessed(
    image: Image.Image | UInt8[np.ndarray, "H W 3"],
    size: int,
    crop: bool = True,
    square_ok: bool = False,
    patch: int = PATCH,
) -> UInt8[np.ndarray, "h w 3"]:
    """uint8 (H, W, 3) RGB of an RGB image, both sides multiples of `patch` (224: exactly square).

    crop=False squeezes instead of cutting, as the published evaluation does.
    """
    picture = as_picture(image)
    layout = layout_of(*picture.size, size, square_ok, patch)
    kind = resampling(shrinks=max(picture.size) > max(layout.resized))
    picture = picture.resize(layout.resized, kind)
    if crop:
        return np.asarray(picture.crop(layout.box))
    if layout.resized[0] == layout.resized[1] and size != SQUARE_SIZE and not square_ok:
        raise InputError("a square image can only be cropped, not squeezed")
    return np.asarray(picture.resize(layout.size, Image.Resampling.LANCZOS))


def as_tensor(
    image: UInt8[np.ndarray, "h w 3"] | UInt8[Tensor, "h w 3"],
) -> Float32[Tensor, "1 3 h w"]:
    """float32 (1, 3, H, W) in [-1, 1] of uint8 (H, W, 3)."""
    return (unit_range(image) - 0.5) / 0.5

"""Images at the sizes and values that the networks were trained with; exact to the pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from PIL import Image
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.images import Layout, as_picture, resampling, too_narrow, unit_range

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

PATCH: Final = 14
SQUARE_SIZE: Final = 224  # at which the copy of VGGT that StreamVGGT ships squeezes to a square
Fit = Literal["crop", "pad"]


def layout_of(width: int, height: int, target: int, fit: Fit = "crop") -> Layout:
    """crop: the width becomes `target`, and what is higher than it is cut. pad: the long side
    becomes `target`, and the short one is filled up. All sides are multiples of 14."""
    if fit == "pad":
        long_side = max(width, height)
        new = tuple(
            target if side == long_side else patches(side * target / long_side)
            for side in (width, height)
        )
        left, top = ((target - side) // 2 for side in new)
        return Layout((new[0], new[1]), (-left, -top), (target, target))
    if target == SQUARE_SIZE:
        return Layout((target, target), (0, 0), (target, target))
    high = patches(height * target / width)
    if high == 0:
        raise too_narrow(width, height)
    kept = min(high, target)
    return Layout((target, high), (0, (high - kept) // 2), (target, kept))


def patches(side: float) -> int:
    """The nearest multiple of 14; halves go to the even count, as Python rounds."""
    return round(side / PATCH) * PATCH


def opaque(image: Image.Image) -> Image.Image:
    """As RGB; what is transparent shows white."""
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def preprocessed(
    image: Image.Image | UInt8[np.ndarray, "H W 3"], target: int, fit: Fit = "crop"
) -> UInt8[np.ndarray, "h w 3"]:
    """uint8 (H, W, 3) RGB, both sides multiples of 14; padding is white."""
    picture = opaque(as_picture(image))
    layout = layout_of(*picture.size, target, fit)
    pixels = np.asarray(picture.resize(layout.resized, Image.Resampling.BICUBIC))
    return placed(pixels, layout.offset, layout.size)


def placed(pixels: np.ndarray, offset: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """The window of `size` (width, height) at `offset`, white where there is no image."""
    left, top = offset
    cut = pixels[max(top, 0) : max(top, 0) + size[1], max(left, 0) : max(left, 0) + size[0]]
    if cut.shape[:2] == (size[1], size[0]):
        return cut
    canvas = np.full((size[1], size[0], 3), 255, pixels.dtype)
    y, x = max(-top, 0), max(-left, 0)
    canvas[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return canvas


def together(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Images of several sizes brought to the largest sides by white margins."""
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    return [
        placed(
            image,
            (-((width - image.shape[1]) // 2), -((height - image.shape[0]) // 2)),
            (width, height),
        )
        for image in images
    ]


def for_evaluation(image: Image.Image, target: int, crop: bool) -> UInt8[np.ndarray, "h w 3"]:
    """uint8 (H, W, 3) as the published evaluation loads it, which is not as the demos do.

    crop=False squeezes to whole patches; squares are then refused, and with crop=True cut to 4:3.
    """
    long_side = max(image.size)
    kind = resampling(shrinks=long_side > target)
    width, height = (round(side * target / long_side) for side in image.size)
    picture = opaque(image).resize((width, height), kind)
    half = [2 * (side // 2) // PATCH * (PATCH // 2) for side in (width, height)]
    if width == height:
        if not crop:
            raise InputError("a square image can only be cropped, not squeezed")
        half[1] = 3 * half[0] // 4
    if not crop:
        squeezed = picture.resize((2 * half[0], 2 * half[1]), Image.Resampling.LANCZOS)
        return np.asarray(squeezed)
    cx, cy = width // 2, height // 2
    return np.asarray(picture.crop((cx - half[0], cy - half[1], cx + half[0], cy + half[1])))


def as_tensor(
    image: UInt8[np.ndarray, "h w 3"] | UInt8[Tensor, "h w 3"],
) -> Float32[Tensor, "1 3 h w"]:
    """float32 (1, 3, H, W) in [0, 1] of uint8 (H, W, 3)."""
    return unit_range(image)

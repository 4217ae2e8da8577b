"""Images at the sizes and values that CUT3R was trained with; exact to the pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

PATCH = 16
SQUARE_SIZE = 224  # the size of the linear checkpoint, which only knows squares


@dataclass(frozen=True, slots=True)
class Layout:
    """How an image becomes the network's: resized to (width, height), then cropped to
    (left, top, right, bottom)."""

    resized: tuple[int, int]
    crop: tuple[int, int, int, int]

    @property
    def cropped(self) -> tuple[int, int]:
        """(width, height)."""
        left, top, right, bottom = self.crop
        return right - left, bottom - top

    @staticmethod
    def of(width: int, height: int, size: int, square_ok: bool = False) -> Layout:
        """Of an image of width x height for a model of `size`.

        square_ok: leave square images square where the size allows it; published: cut to 4:3.
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
            half_width, half_height = (2 * c // PATCH * (PATCH // 2) for c in (cx, cy))
            if new[0] == new[1] and not square_ok:
                half_height = 3 * half_width // 4
        if half_width == 0 or half_height == 0:
            raise InputError(f"image of {width}x{height}: too narrow, less than a patch remains")
        crop = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
        return Layout(new, crop)

    def intrinsics(self, original: Intrinsics) -> Intrinsics:
        """The camera of the cropped image, given that of the original one."""
        return original.resized(*self.resized).cropped(*self.crop[:2], *self.cropped)


def read_image(path: Path) -> Image.Image:
    """The file as RGB, turned as its EXIF orientation says."""
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: not a readable image ({error})") from error


def preprocessed(
    image: Image.Image | np.ndarray, size: int, crop: bool = True, square_ok: bool = False
) -> np.ndarray:
    """uint8 (H, W, 3) RGB, both sides multiples of 16 (224: exactly square), of an RGB image.

    crop=False squeezes instead of cutting, as the published evaluation does.
    """
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    layout = Layout.of(*picture.size, size, square_ok)
    shrinks = max(picture.size) > max(layout.resized)
    kind = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    picture = picture.resize(layout.resized, kind)
    if crop:
        return np.asarray(picture.crop(layout.crop))
    if layout.resized[0] == layout.resized[1] and size != SQUARE_SIZE and not square_ok:
        raise InputError("a square image can only be cropped, not squeezed")
    return np.asarray(picture.resize(layout.cropped, Image.Resampling.LANCZOS))


def as_tensor(image: np.ndarray) -> Tensor:
    """float32 (1, 3, H, W) in [-1, 1] of uint8 (H, W, 3)."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    return (pixels.float() / 255 - 0.5) / 0.5

"""Images at a network's size: how one becomes the other, and what all preprocessing shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, UInt8


@dataclass(frozen=True, slots=True)
class Layout:
    """How an image becomes the network's: resized to (width, height), then cut or given margins.

    offset: (left, top) of the final image in the resized one; negative where there is a margin.
    size: (width, height) of the final image.
    """

    resized: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the final image in the resized one."""
        (left, top), (width, height) = self.offset, self.size
        return left, top, left + width, top + height

    def intrinsics(self, original: Intrinsics) -> Intrinsics:
        """The camera of the final image, given that of the original one."""
        return original.resized(*self.resized).cropped(*self.offset, *self.size)

    def to_network(
        self, pixels: Float[np.ndarray, "*n 2"], original: tuple[int, int]
    ) -> Float[np.ndarray, "*n 2"]:
        """Where pixels (x, y) of an image of (width, height) lie in the final one."""
        scale = np.array(self.resized) / original
        return (pixels + 0.5) * scale - 0.5 - self.offset

    def from_network(
        self, pixels: Float[np.ndarray, "*n 2"], original: tuple[int, int]
    ) -> Float[np.ndarray, "*n 2"]:
        """The inverse of `to_network`."""
        scale = np.array(self.resized) / original
        return (pixels + self.offset + 0.5) / scale - 0.5

    def mask(self, original: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "h w"]:
        """The mask of the final image, given that of the original one; False in margins."""
        resized = reduced_mask(original, self.resized)
        left, top, right, bottom = self.box
        final = np.zeros((bottom - top, right - left), bool)
        cut = resized[max(top, 0) : bottom, max(left, 0) : right]
        y, x = max(-top, 0), max(-left, 0)
        final[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
        return final

    def inside(self) -> Bool[np.ndarray, "h w"]:
        """The pixels of the final image that the camera saw, no margin."""
        left, top, right, bottom = self.box
        columns, rows = np.arange(left, right), np.arange(top, bottom)
        seen_columns = (columns >= 0) & (columns < self.resized[0])
        seen_rows = (rows >= 0) & (rows < self.resized[1])
        return seen_rows[:, None] & seen_columns


def too_narrow(width: int, height: int) -> InputError:
    """Of an image of which less than a patch would remain."""
    return InputError(f"image of {width}x{height}: too narrow, less than a patch remains")


def as_picture(image: Image.Image | UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    """As PIL has it, whose resizing the published preprocessing is exact to."""
    return Image.fromarray(image) if isinstance(image, np.ndarray) else image


def resampling(shrinks: bool) -> Image.Resampling:
    """The published choice of filter for images of every family but VGGT's demos."""
    return Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC


def unit_range(
    image: UInt8[np.ndarray, "h w 3"] | UInt8[Tensor, "h w 3"],
) -> Float32[Tensor, "1 3 h w"]:
    """Colours in [0, 1], where the image is."""
    pixels = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image))
    return pixels.permute(2, 0, 1)[None].float() / 255

"""Images at the sizes and values that Depth Anything 3 was trained with; exact to the pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
from torch import Tensor

from mapper.frontends.images import Layout, too_narrow, unit_range
from mapper.frontends.vggt.aggregator import normalised

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

PATCH: Final = 14
Fit = Literal["upper_bound_crop", "upper_bound_resize", "lower_bound_crop", "lower_bound_resize"]
Size = tuple[int, int]  # (width, height)


def layout_of(width: int, height: int, target: int, fit: Fit) -> Layout:
    """How an image becomes the network's; InputError where less than a patch would remain.

    upper_bound: the longer side becomes `target`, lower_bound: the shorter one. Then the sides
    become multiples of 14, by cutting the margins or by resizing each side by itself.
    """
    layout = sizes_of(width, height, target, fit)
    if min(layout.size) < PATCH:
        raise too_narrow(width, height)
    return layout


def sizes_of(width: int, height: int, target: int, fit: Fit) -> Layout:
    """The same without a judgement."""
    bounded = _bounded((width, height), target, fit)
    if fit.endswith("crop"):
        size = bounded[0] // PATCH * PATCH, bounded[1] // PATCH * PATCH
        offset = (bounded[0] - size[0]) // 2, (bounded[1] - size[1]) // 2
        return Layout(bounded, offset, size)
    nearest = _nearest(bounded[0]), _nearest(bounded[1])
    return Layout(nearest, (0, 0), nearest)


def preprocessed(
    image: UInt8[np.ndarray, "H W 3"], target: int, fit: Fit
) -> UInt8[np.ndarray, "h w 3"]:
    """The image of `layout_of`. Resizing goes by way of the bounded size, as published."""
    height, width = image.shape[:2]
    layout = layout_of(width, height, target, fit)
    bounded = _bounded((width, height), target, fit)
    pixels = _resized(_resized(image, bounded), layout.resized)
    left, top, right, bottom = layout.box
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def as_tensor(
    image: UInt8[np.ndarray, "h w 3"] | UInt8[Tensor, "h w 3"],
) -> Float32[Tensor, "1 3 h w"]:
    """float32 (1, 3, H, W), of the mean and spread that the encoder knows."""
    return normalised(unit_range(image))


def _bounded(size: Size, target: int, fit: Fit) -> Size:
    side = max(size) if fit.startswith("upper") else min(size)
    if side == target:
        return size
    scale = target / side
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _nearest(side: int) -> int:
    """The nearest multiple of 14, the larger one on ties; at least 1."""
    return max(1, math.floor(side / PATCH + 0.5) * PATCH)


def _resized(image: np.ndarray, size: Size) -> np.ndarray:
    before = image.shape[1], image.shape[0]
    if before == size:
        return image
    grows = size[0] > before[0] or size[1] > before[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)

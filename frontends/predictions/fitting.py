"""How a sequence's images became those that a model saw: resized, cut, or given margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.vision.image_sizes import reduced_mask

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, UInt8

Size = tuple[int, int]
How = Literal["auto", "resize", "crop", "pad"]
ROUNDED: Final = 8  # pixels: networks round sides to multiples of 14 or 16,
ROUNDED_SHARE: Final = 0.06  # but of a small image that is no rounding
LIKE: Final = 0.5  # correlation of two images that may be one
MARGIN: Final = 255  # white, as VGGT pads


@dataclass(frozen=True, slots=True)
class Fit:
    """resized: (width, height) that an image is first brought to. offset: (left, top) of the final
    image in it, negative where there is a margin. size: (width, height) of the final image."""

    resized: Size
    offset: Size
    size: Size

    def intrinsics(self, camera: Intrinsics) -> Intrinsics:
        """Of the final image, given those of the original one."""
        return camera.resized(*self.resized).cropped(*self.offset, *self.size)

    def image(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The final image."""
        height, width = image.shape[:2]
        shrinks = self.resized[0] < width or self.resized[1] < height
        if self.resized != (width, height):
            kind = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            image = cv2.resize(image, self.resized, interpolation=kind)
        (left, top), (w, h) = self.offset, self.size
        margins = max(-left, 0), max(-top, 0)
        image = image[max(top, 0) : top + h, max(left, 0) : left + w]
        if image.shape[:2] == (h, w):
            return np.ascontiguousarray(image)
        final = np.full((h, w, 3), MARGIN, np.uint8)
        final[margins[1] :, margins[0] :][: image.shape[0], : image.shape[1]] = image
        return final

    def used(self, mask: Bool[np.ndarray, "H W"] | None = None) -> Bool[np.ndarray, "h w"]:
        """The pixels of the final image that are no margin, and that the original one's mask, False
        where it must not be used, allows."""
        (left, top), (width, height) = self.offset, self.size
        if mask is None:
            resized = np.ones(self.resized[::-1], bool)
        else:
            resized = reduced_mask(mask, self.resized)
        resized = resized[max(top, 0) : top + height, max(left, 0) : left + width]
        final = np.zeros((height, width), bool)
        final[max(-top, 0) :, max(-left, 0) :][: resized.shape[0], : resized.shape[1]] = resized
        return final


def fit_of(
    frame: UInt8[np.ndarray, "H W 3"],
    size: Size,
    how: How,
    own: UInt8[np.ndarray, "h w 3"] | None = None,
) -> Fit:
    """How the frame's image became one of that size. own: as the model saved it, of that size.

    Raises InputError that names both sizes where they cannot belong together.
    """
    height, width = frame.shape[:2]
    fits = {each: _fit(each, (width, height), size) for each in ("resize", "crop", "pad")}
    if how != "auto":
        return fits[how]
    plain = _is_rounded((width, height), size)
    if own is None:
        if plain:
            return fits["resize"]
        raise InputError(
            f"the predictions are {size[0]}x{size[1]} and the images {width}x{height}, which is "
            "another shape: if they were cut or given margins for the model, say "
            "predictions.fit=crop or predictions.fit=pad; else they are of other images"
        )
    likeness = {each: _likeness(fits[each].image(frame), own) for each in fits}
    best = max(fits, key=lambda each: likeness[each])  # the first of equal ones
    if plain and likeness[best] < likeness["resize"] + 0.01:
        return fits["resize"]
    if likeness[best] < LIKE and not plain:
        raise InputError(
            f"the predictions are {size[0]}x{size[1]} and the images {width}x{height}: however "
            "they are resized, cut or given margins, the stored images are not the sequence's"
        )
    return fits[best] if likeness[best] >= LIKE else fits["resize"]


def _fit(how: str, original: Size, size: Size) -> Fit:
    if how == "resize":
        return Fit(size, (0, 0), size)
    factors = size[0] / original[0], size[1] / original[1]
    factor = max(factors) if how == "crop" else min(factors)
    resized = max(1, round(original[0] * factor)), max(1, round(original[1] * factor))
    offset = (resized[0] - size[0]) // 2, (resized[1] - size[1]) // 2
    return Fit(resized, offset, size)


def _is_rounded(original: Size, size: Size) -> bool:
    """Whether one factor brings both sides to the size, up to what networks round by."""
    factor = 0.5 * (size[0] / original[0] + size[1] / original[1])
    return all(
        abs(factor * full - side) <= min(ROUNDED, ROUNDED_SHARE * side)
        for full, side in zip(original, size, strict=True)
    )


def _likeness(image: np.ndarray, own: np.ndarray) -> float:
    """Correlation of two images of one size, a little blurred."""
    a, b = (cv2.GaussianBlur(_grey(each), (5, 5), 0) for each in (image, own))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0


def _grey(image: np.ndarray) -> Float[np.ndarray, "h w"]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)

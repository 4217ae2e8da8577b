"""A grey image as the tracker wants it: bounded, a little blurred, with its half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, UInt8

SEAM: Final = 5  # pixels: a patch of 9x9 and its gradients
BLUR: Final = 0.8  # pixels: a patch is sampled between pixels
WORKED_ON: Final = 640 * 480 * 1.05  # pixels of an image; what larger ones tell more, costs more


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """grey, half: uint8. used: where points may be, so far within the mask that the patches around
    them are, too; None = everywhere."""

    grey: UInt8[np.ndarray, "h w"]
    half: UInt8[np.ndarray, "h2 w2"]
    used: Bool[np.ndarray, "h w"] | None = None

    @classmethod
    def of(cls, image: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> Levels:
        """Of an image (H, W, 3), RGB, worked on at width x height."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if grey.shape != (height, width):
            grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        return cls.of_grey(cv2.GaussianBlur(grey, (0, 0), BLUR))

    @classmethod
    def of_grey(
        cls, grey: UInt8[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"] | None = None
    ) -> Levels:
        """Of an image that is grey and blurred already. mask: False = no points there."""
        height, width = grey.shape
        half = cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        return cls(grey, half, None if mask is None else _well_within(mask))

    def may_be_at(self, pixels: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
        """Which pixels (N, 2) are not masked."""
        if self.used is None:
            return np.ones(len(pixels), bool)
        last = np.array(self.used.shape[::-1]) - 1
        columns, rows = np.clip(np.rint(pixels), 0, last).astype(int).T
        return self.used[rows, columns]


def _well_within(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Without a seam as wide as a patch reaches; the image's own border is none."""
    kernel = np.ones((2 * SEAM + 1, 2 * SEAM + 1), np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel) > 0


def worked_size(width: int, height: int) -> tuple[int, int]:
    """The size at which images are tracked: even, and of a bounded number of pixels."""
    factor = min(1.0, (WORKED_ON / (width * height)) ** 0.5)
    return max(2 * round(width * factor / 2), 2), max(2 * round(height * factor / 2), 2)

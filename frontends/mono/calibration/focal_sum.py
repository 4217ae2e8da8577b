"""What fundamental matrices say of the focal length, summed over many pairs of images.

An essential matrix has two equal singular values. That of one pair says little of the focal
length, a joint sum over twenty says it to a few per cent.
Source of the criterion: Mendonca and Cipolla, "A simple technique for self-calibration", CVPR 1999.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64

SHORTEST, LONGEST, STEPS = 0.4, 2.5, 80  # widths of the image
GUESS: Final = 0.85  # widths, where the images do not tell: a phone's, held upright or across
MIN_WINDOWS: Final = 8
MIN_WEIGHT: Final = 15.0  # inliers that no plane and no rotation explains
FUNDAMENTAL_PIXELS: Final = 0.7
HOMOGRAPHY_PIXELS: Final = 2.0
MOST: Final = 0.5  # of a window's cost: what is no essential matrix at all
RISE: Final = 1.5  # of the sum from its minimum ...
WITHIN: Final = 1.5  # ... within this factor of the focal length, on both sides


@dataclass(frozen=True, slots=True)
class FocalLength:
    """pixels: of the images it was found in. windows: pairs of images that it was found from.

    is_known: the images tell it; else it is a guess. spread: relative, where the sum has risen by
    half; 0 for a guess.
    """

    pixels: float
    windows: int
    is_known: bool
    spread: float


class FocalSum:
    """Collects pairs of images of one size. windows: how many say anything."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._centre = (width - 1) / 2, (height - 1) / 2
        self._focals = np.geomspace(SHORTEST, LONGEST, STEPS) * width
        self._sum = np.zeros(STEPS)
        self.windows = 0

    def add(self, a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]) -> None:
        """Pixels (N, 2) of the same points in two images."""
        if len(a) < 16:
            return
        F, mask = _fundamental(a, b)
        if F is None:
            return
        _, plane = cv2.findHomography(a, b, cv2.RANSAC, HOMOGRAPHY_PIXELS)
        on_plane = 0 if plane is None else int(plane.sum())
        weight = float(mask.sum()) - on_plane
        if weight <= MIN_WEIGHT:
            return
        self._sum += weight * np.minimum(self._costs(F), MOST)
        self.windows += 1

    def found(self) -> FocalLength:
        """By what was added so far."""
        best = int(self._sum.argmin())
        focal = float(self._focals[best])
        if self.windows < MIN_WINDOWS:
            return FocalLength(GUESS * self._width, self.windows, False, 0.0)
        risen = self._sum >= RISE * self._sum[best]
        below = np.flatnonzero(risen[:best] & (self._focals[:best] >= focal / WITHIN))
        above = (
            best
            + 1
            + np.flatnonzero(risen[best + 1 :] & (self._focals[best + 1 :] <= focal * WITHIN))
        )
        if not len(below) or not len(above):
            return FocalLength(GUESS * self._width, self.windows, False, 0.0)
        spread = 0.5 * float(np.log(self._focals[above[0]] / self._focals[below[-1]]))
        return FocalLength(self._between(best), self.windows, True, spread)

    def _between(self, best: int) -> float:
        """The minimum between the steps, by a parabola."""
        if not 0 < best < STEPS - 1:
            return float(self._focals[best])
        a, b, c = self._sum[best - 1 : best + 2]
        curve = a - 2 * b + c
        offset = 0.5 * (a - c) / curve if curve > 0 else 0.0
        return float(self._focals[best] * (self._focals[1] / self._focals[0]) ** offset)

    def _costs(self, F: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " f"]:
        """(s1 - s2) / s2 of K^T F K for each focal length."""
        K = np.zeros((STEPS, 3, 3))
        K[:, 0, 0] = K[:, 1, 1] = self._focals
        K[:, 0, 2], K[:, 1, 2], K[:, 2, 2] = *self._centre, 1
        singular = np.linalg.svd(K.transpose(0, 2, 1) @ F @ K, compute_uv=False)
        return (singular[:, 0] - singular[:, 1]) / np.maximum(singular[:, 1], 1e-12)


def _fundamental(
    a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "3 3"] | None, np.ndarray]:
    """The matrix and which pixels agree with it; None where they allow none."""
    cv2.setRNGSeed(1)
    try:
        F, mask = cv2.findFundamentalMat(
            a, b, cv2.USAC_MAGSAC, FUNDAMENTAL_PIXELS, 0.9999, maxIters=5000
        )
    except cv2.error:  # of what is degenerate through and through
        return None, np.zeros(0)
    return (F, mask) if F is not None and F.shape == (3, 3) else (None, np.zeros(0))

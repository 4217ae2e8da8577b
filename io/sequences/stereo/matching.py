"""What two rectified images say of the distance: semi-global matching by OpenCV.

Source of the method: Hirschmueller, "Stereo processing by semiglobal matching and mutual
information", PAMI 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mapper.core.depth_noise import DepthNoise
from mapper.core.intrinsics import Intrinsics

NEAREST: Final = 4.0  # baselines; what is nearer is seen by both cameras too differently
UNITS: Final = 16  # of a disparity as OpenCV gives it, and its number of disparities is whole 16s
BLOCK: Final = 5  # pixels a side, which are compared
SMALL, LARGE = 8 * BLOCK**2, 32 * BLOCK**2  # what a step of one disparity costs, and a larger one
# Pixels, of what it finds in drawn rooms (gauntlet seeds 0 to 10) at 640x480, by the median.
DISPARITY_SIGMA: Final = 0.3
AGREED: Final = 1  # pixels by which the match from right to left may differ
UNIQUE: Final = 10  # per cent by which the second best match must be worse
SPECKLE: Final = 100, 2  # pixels of a piece that stands alone, and the step that parts pieces
JUDGED_AT: Final = 320  # pixels across, which tell the order of two images as well as more
# In rooms and a street 84 to 97 % are matched in the right order, 7 to 22 % in the wrong one.
TELLING, HALF = 0.3, 0.5
LEAST: Final = 1.0  # pixels; a smaller disparity tells no distance


@dataclass(frozen=True, slots=True)
class Order:
    """Shares of a left image for which a match is found: as it is, and with the two exchanged.

    middle: the median depth of the former, metres; NaN without any.
    """

    as_given: float
    exchanged: float
    middle: float

    @property
    def is_swapped(self) -> bool:
        """What is far enough away to tell neither is not."""
        return self.exchanged > TELLING and self.as_given < self.exchanged * HALF


class StereoMatcher:
    """Depth of the left image of a rectified pair. intrinsics: of both. baseline: metres."""

    def __init__(self, intrinsics: Intrinsics, baseline: float) -> None:
        self._product = np.float32(intrinsics.fx * baseline)
        self.noise = disparity_noise(intrinsics.fx * baseline)
        self._range = UNITS * max(1, round(intrinsics.fx / NEAREST / UNITS))

    def order(self, left: np.ndarray, right: np.ndarray) -> Order:
        """Of a rectified pair, judged at a reduced size. left, right: uint8 (H, W, 3)."""
        share = min(1.0, JUDGED_AT / left.shape[1])
        size = round(left.shape[1] * share), max(1, round(left.shape[0] * share))
        one, other = (cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in (left, right))
        count = UNITS * -int(-self._range * share // UNITS)
        given, exchanged = matched(one, other, count), matched(other, one, count)
        found = given[given >= LEAST]
        middle = float(share * self._product / np.median(found)) if len(found) else np.nan
        return Order(len(found) / given.size, float((exchanged >= LEAST).mean()), middle)

    def depth(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """float32 (H, W), metres along z, 0 = no reading, of images uint8 (H, W, 3)."""
        disparity = matched(left, right, self._range)
        depth = np.zeros_like(disparity)
        np.divide(self._product, disparity, out=depth, where=disparity >= LEAST)
        return depth


def disparity_noise(focal_baseline: float) -> DepthNoise:
    """The noise of depth whose disparity is off by DISPARITY_SIGMA: z^2 / (f b) times that.

    focal_baseline: pixels times metres.
    """
    return DepthNoise.of_powers(0.0, 0.0, DISPARITY_SIGMA / focal_baseline)


def matched(left: np.ndarray, right: np.ndarray, count: int) -> np.ndarray:
    """float32 (H, W), pixels by which the left image's points lie further left in the right one.

    0 = none found, or another one from right to left: what one camera alone sees is not matched.
    left, right: uint8 (H, W, 3). count: disparities that are tried, a multiple of 16.
    """
    one, other = _grey(left), _grey(right)
    found = _one_way(one, other, count)
    # Mirrored, the right camera is the left one. OpenCV has no check of its own in this mode.
    back = _one_way(_mirrored(other), _mirrored(one), count)[:, ::-1]
    columns = np.arange(found.shape[1], dtype=np.float32)
    partners = np.rint(columns - found).astype(np.int64).clip(0)
    agreed = np.take_along_axis(back, partners, axis=1)
    found[(agreed <= 0) | (np.abs(agreed - found) > AGREED)] = 0
    return found


def _one_way(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """float32 (H, W), disparities of one grey image in the other, 0 = none."""
    # OpenCV tries only pixels that could have any of the disparities: the margin gives them room.
    padded = [
        cv2.copyMakeBorder(image, 0, 0, count, 0, cv2.BORDER_REPLICATE) for image in (one, other)
    ]
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=count,
        blockSize=BLOCK,
        P1=SMALL,
        P2=LARGE,
        preFilterCap=31,
        uniquenessRatio=UNIQUE,
        speckleWindowSize=SPECKLE[0],
        speckleRange=SPECKLE[1],
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    found = matcher.compute(*padded)[:, count:].astype(np.float32) / UNITS
    outside = found > np.arange(found.shape[1], dtype=np.float32)
    found[(found < 0) | outside] = 0
    return np.ascontiguousarray(found)


def _mirrored(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)

"""Pixels followed from one image to another: dense flow to start with, then Lucas and Kanade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.tracking.levels import Levels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32

WINDOW: Final = (15, 15)
PYRAMID: Final = 2  # levels above the full size
BACK_PIXELS: Final = 1.0  # a track that leads back elsewhere is wrong
STOP: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)
SMALLEST: Final = 32  # pixels a side of the half image, below which dense flow has no room


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """pixels: float32 (N, 2). found: (N,), which of them are where they seem."""

    pixels: Float32[np.ndarray, "n 2"]
    found: Bool[np.ndarray, " n"]


class FlowTracker:
    """Source of the dense flow: Kroeger, Timofte, Dai, Van Gool, "Fast optical flow using dense
    inverse search", ECCV 2016. Without it repeated texture is followed to the wrong stripe."""

    def __init__(self) -> None:
        self._dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def follow(self, a: Levels, b: Levels, pixels: Float32[np.ndarray, "n 2"]) -> Followed:
        """Where pixels (N, 2) of image a are in image b."""
        if not len(pixels):
            return Followed(np.zeros((0, 2), np.float32), np.zeros(0, bool))
        start = np.ascontiguousarray(pixels, np.float32)
        guess = start + self._flow_at(a, b, start)
        forth, found = self._refined(a, b, start, guess)
        back, found_back = self._refined(b, a, forth, start.copy())
        height, width = b.grey.shape
        inside = (forth >= 1).all(1) & (forth < [width - 2, height - 2]).all(1)
        same = np.linalg.norm(back - start, axis=1) < BACK_PIXELS
        return Followed(forth, found & found_back & inside & same & b.may_be_at(forth))

    def _flow_at(
        self, a: Levels, b: Levels, pixels: Float32[np.ndarray, "n 2"]
    ) -> Float32[np.ndarray, "n 2"]:
        height, width = a.half.shape
        if min(height, width) < SMALLEST:
            return np.zeros_like(pixels)
        flow = self._dense.calc(a.half, b.half, None)  # type: ignore[call-overload]
        columns = np.clip((pixels[:, 0] / 2).astype(int), 0, width - 1)
        rows = np.clip((pixels[:, 1] / 2).astype(int), 0, height - 1)
        return 2 * flow[rows, columns]

    @staticmethod
    def _refined(
        a: Levels, b: Levels, start: Float32[np.ndarray, "n 2"], guess: Float32[np.ndarray, "n 2"]
    ) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
        pixels, status, _ = cv2.calcOpticalFlowPyrLK(
            a.grey, b.grey, start, guess, winSize=WINDOW, maxLevel=PYRAMID,
            criteria=STOP, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        return pixels, status.ravel() > 0

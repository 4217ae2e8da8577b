"""Finds the focal length from the first images of a video, before anything is tracked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.calibration.focal_sum import FocalLength, FocalSum
from mapper.frontends.mono.tracking.corners import new_corners
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels

if TYPE_CHECKING:
    from jaxtyping import Float32

SPANS: Final = (8, 16, 30)  # frames that a window may span: the first that shows motion
MIN_TRACKS: Final = 60
MOTION: Final = 15.0  # pixels, of an image 640 wide
WIDTH: Final = 640
CORNERS: Final = 400
ENOUGH: Final = 20  # windows
MOST_FRAMES: Final = 240


@dataclass(eq=False)
class _Window:
    """Tracks from its first image to the newest."""

    begun: int
    first: Float32[np.ndarray, "n 2"]
    last: Float32[np.ndarray, "n 2"]


class FocalFinder:
    """Follows corners through windows that overlap by half."""

    def __init__(self, flow: FlowTracker, width: int, height: int) -> None:
        self._flow = flow
        self._sum = FocalSum(width, height)
        self._motion = MOTION * min(1.0, width / WIDTH)
        self._windows: list[_Window] = []
        self._frames = 0
        self._next = 0
        self._step = SPANS[0] // 2
        self._last: Levels | None = None

    def offer(self, levels: Levels) -> FocalLength | None:
        """Another image; the focal length once enough were seen."""
        if self._last is not None:
            self._follow(self._last, levels)
        if self._frames >= self._next:
            corners = new_corners(levels.grey, np.zeros((0, 2), np.float32), CORNERS, levels.used)
            self._windows.append(_Window(self._frames, corners, corners))
            self._next = self._frames + self._step
        self._last = levels
        self._frames += 1
        if self._sum.windows < ENOUGH and self._frames < MOST_FRAMES:
            return None
        return self.found()

    def found(self) -> FocalLength:
        """By what was seen so far."""
        return self._sum.found()

    def _follow(self, before: Levels, levels: Levels) -> None:
        if not self._windows:
            return
        lengths = [len(window.last) for window in self._windows]
        together = np.concatenate([window.last for window in self._windows])
        followed = self._flow.follow(before, levels, together)
        ends = np.cumsum(lengths)
        for window, begin, end in zip(self._windows, ends - lengths, ends, strict=True):
            found = followed.found[begin:end]
            window.first = window.first[found]
            window.last = followed.pixels[begin:end][found]
        self._windows = [window for window in self._windows if not self._is_done(window)]

    def _is_done(self, window: _Window) -> bool:
        span = self._frames - window.begun
        if len(window.last) < MIN_TRACKS:
            return True
        if span not in SPANS:
            return False
        moved = float(np.median(np.linalg.norm(window.last - window.first, axis=1)))
        if moved < self._motion:
            return span == SPANS[-1]
        self._sum.add(window.first.astype(float), window.last.astype(float))
        self._step = span // 2
        return True

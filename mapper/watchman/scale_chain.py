"""How the depth of a network changes in scale over a segment's last frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np

from mapper.watchman.comparison import Comparison, Looks

REFERENCES: Final = 4  # earlier frames that the scale is held against
APART: Final = 3  # frames between them
SHARED: Final = 0.25  # of the points, for the scale to be told


class ScaleChain:
    """Of each frame the logarithm of its scale: by the earliest reference that still sees enough of
    what it sees, or else by the last frame. Where none does, as after a turn to what no frame has
    shown, nothing can be told, and the scale counts as unchanged.

    What a change is counted from is the oldest reference, so that a slow drift, which the backend
    mends, is none. Only frames that are taken are held against.
    """

    def __init__(self) -> None:
        self._references: deque[tuple[Looks, float]] = deque(maxlen=REFERENCES)
        self._last: tuple[Looks, float] | None = None

    @property
    def views(self) -> Iterator[Looks]:
        """The references, the earliest first, and the last frame."""
        for looks, _ in self._known():
            yield looks

    def log_scale(self, new: Looks) -> float:
        """Of a frame, against the first one of the segment."""
        for old, log_scale in self._known():
            told = Comparison.of(old, new)
            if told.shared > SHARED and not np.isnan(told.scale):
                return log_scale + float(np.log(told.scale))
        return self._last[1] if self._last is not None else 0.0

    def change(self, log_scale: float) -> float:
        """Factor of the scale since the oldest reference."""
        return float(np.exp(log_scale - self._references[0][1])) if self._references else 1.0

    def take(self, new: Looks, log_scale: float) -> None:
        """A frame that is believed, in order."""
        self._last = new, log_scale
        newest = self._references[-1][0].prediction.frame_index if self._references else -APART
        if new.prediction.frame_index - newest >= APART:
            self._references.append(self._last)

    def _known(self) -> Iterator[tuple[Looks, float]]:
        yield from self._references
        if self._last is not None and (
            not self._references or self._references[-1] is not self._last
        ):
            yield self._last

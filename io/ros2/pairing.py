"""Which depth image belongs to which colour image, while they come in."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

QUEUED: Final = 20  # images of a kind that wait for a partner


class Pairer:
    """Colour images, each with the nearest depth at most `slop` nanoseconds away.

    A colour image is answered as soon as no nearer depth can come: when one of its time or later is
    there, or the last is nearer than the next can be. lonely_color, lonely_depth: images that were
    left without a partner.
    """

    def __init__(self, slop: int) -> None:
        self.lonely_color = self.lonely_depth = 0
        self._slop = slop
        self._color: deque[tuple[int, Any]] = deque()
        self._depth: deque[tuple[int, Any]] = deque()
        self._newest_depth: int | None = None
        self._interval: int | None = None  # the shortest between two depth images

    def color(self, stamp: int, message: Any) -> list[tuple[Any, Any]]:
        """Take a colour image; the pairs that are known now, in order."""
        self._color.append((stamp, message))
        return self._known()

    def depth(self, stamp: int, message: Any) -> list[tuple[Any, Any]]:
        """Take a depth image; the pairs that are known now, in order."""
        if self._newest_depth is not None and stamp > self._newest_depth:
            step = stamp - self._newest_depth
            self._interval = min(step, self._interval or step)
        self._newest_depth = stamp
        self._depth.append((stamp, message))
        return self._known()

    def _known(self) -> list[tuple[Any, Any]]:
        pairs = []
        while self._color and self._is_known(self._color[0][0]):
            stamp, message = self._color.popleft()
            found = self._take(stamp)
            if found is None:
                self.lonely_color += 1
            else:
                pairs.append((message, found))
        self.lonely_color += _shortened(self._color)
        self.lonely_depth += _shortened(self._depth)
        return pairs

    def _is_known(self, stamp: int) -> bool:
        """Whether the nearest depth image of a colour image has come."""
        if self._newest_depth is None:
            return False
        behind = stamp - self._newest_depth
        return behind <= 0 or (self._interval is not None and 2 * behind <= self._interval)

    def _take(self, stamp: int) -> Any | None:
        """The nearest depth image, with all before it gone; None where none is near enough."""
        near = min(self._depth, key=lambda entry: abs(entry[0] - stamp), default=None)
        if near is None or abs(near[0] - stamp) > self._slop:
            return None
        while (first := self._depth.popleft()) is not near:
            self.lonely_depth += 1
        return first[1]


def _shortened(queue: deque[tuple[int, Any]]) -> int:
    """How many had to go, the oldest first."""
    gone = max(0, len(queue) - QUEUED)
    for _ in range(gone):
        queue.popleft()
    return gone

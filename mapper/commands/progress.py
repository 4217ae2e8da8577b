"""The line that a person watches while a run goes, or lines now and then where none can change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from tqdm import tqdm

from mapper.runtime.closing import Closing
from mapper.runtime.process_health import resident_mb
from mapper.runtime.terminal import GREEN, YELLOW, can_redraw, coloured

LOOPS = "loops"  # a count whose growth is worth a word
TRACKING: Final = "tracking"
CLOSED: Final = "loop closed"
PAUSE_S: Final = 10.0  # between two lines where none can change: a log is read, not watched
SETTLING: Final = "settling the map; Ctrl-C gives it up, for --resume"
Clock = Callable[[], float]


class _Bar(tqdm):  # type: ignore[misc]  # it has no types
    monitor_interval = 0  # else a thread stays behind for good


class ProgressBar(Closing):
    """Frames done, frames a second, time left, tracking state, counts and memory.

    One line that changes, on a terminal; a line every ten seconds in a pipe, in CI and where
    TERM=dumb. It goes to stderr. total: frames; None where nobody knows, as with a camera.
    """

    def __init__(self, total: int | None = None, clock: Clock = time.monotonic) -> None:
        self._redraws = can_redraw(sys.stderr)
        self._bar = _Bar(
            total=total,
            unit=" frames",
            disable=not self._redraws,
            dynamic_ncols=True,
            leave=False,
        )
        self._lines = _Lines(total, clock)
        self._loops = 0

    def close(self) -> None:
        """Take the line away."""
        self._bar.close()

    def begin(self, done: int) -> None:
        """Frames that an interrupted run had done are not done again."""
        self._bar.initial = self._bar.n = done
        self._lines.begin(done)

    def update(self, state: str, counts: Mapping[str, int]) -> None:
        """A frame is done."""
        if not self._redraws:
            self._lines.update(state, counts)
            return
        loops = counts.get(LOOPS, 0)
        state = CLOSED if loops > self._loops else state
        self._loops = loops
        colour = GREEN if state == CLOSED else YELLOW
        shown = state if state == TRACKING else coloured(state, colour, sys.stderr)
        self._bar.set_postfix_str(_told(shown, counts), refresh=False)
        self._bar.update()

    def settling(self) -> None:
        """The camera is done; the map is not."""
        self._bar.set_postfix_str(SETTLING)
        if not self._redraws:
            print(SETTLING, file=sys.stderr, flush=True)


class _Lines:
    """What stands in a log: where it is, at most every PAUSE_S."""

    def __init__(self, total: int | None, clock: Clock) -> None:
        self._total, self._clock = total, clock
        self._first = self._done = 0
        self._started = self._told_at = clock()

    def begin(self, done: int) -> None:
        self._first = self._done = done
        self._started = self._told_at = self._clock()

    def update(self, state: str, counts: Mapping[str, int]) -> None:
        self._done += 1
        now = self._clock()
        if now - self._told_at < PAUSE_S:
            return
        self._told_at = now
        pace = (self._done - self._first) / (now - self._started)
        where = f"frame {self._done}"
        left = ""
        if self._total is not None:
            where += f" of {self._total}"
            left = f", {(self._total - self._done) / pace:.0f} s left"
        text = f"{where}, {pace:.1f} a second{left}: {_told(state, counts)}"
        print(text, file=sys.stderr, flush=True)


def _told(state: str, counts: Mapping[str, int]) -> str:
    numbers = [f"{n} {what.removesuffix('s') if n == 1 else what}" for what, n in counts.items()]
    return ", ".join([state, *numbers, f"{resident_mb():.0f} MB"])

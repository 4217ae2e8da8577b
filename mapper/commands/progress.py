"""The line that a person watches while a run goes."""

from __future__ import annotations

from collections.abc import Mapping

from tqdm import tqdm

from mapper.runtime.closing import Closing

LOOPS = "loops"  # a count whose growth is worth a word


class _Bar(tqdm):  # type: ignore[misc]  # it has no types
    monitor_interval = 0  # else a thread stays behind for good


class ProgressBar(Closing):
    """Frames done, frames a second, tracking state and counts; hidden without a terminal.

    total: frames; None where nobody knows, as with a camera.
    """

    def __init__(self, total: int | None = None) -> None:
        self._bar = _Bar(total=total, unit=" frames", disable=None, dynamic_ncols=True, leave=False)
        self._loops = 0

    def close(self) -> None:
        """Take the line away."""
        self._bar.close()

    def begin(self, done: int) -> None:
        """Frames that an interrupted run had done are not done again."""
        self._bar.initial = self._bar.n = done

    def update(self, state: str, counts: Mapping[str, int]) -> None:
        """A frame is done."""
        loops = counts.get(LOOPS, 0)
        state = "loop closed" if loops > self._loops else state
        self._loops = loops
        told = ", ".join([state, *(f"{count} {what}" for what, count in counts.items())])
        self._bar.set_postfix_str(told, refresh=False)
        self._bar.update()

    def settling(self) -> None:
        """The camera is done; the map is not."""
        self._bar.set_postfix_str("settling the map; Ctrl-C gives it up, for --resume")

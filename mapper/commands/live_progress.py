"""The line that a person watches while a live camera is mapped."""

from __future__ import annotations

from types import TracebackType

from tqdm import tqdm

from mapper.io.live.capture import LiveCapture
from mapper.slam.mapper import Mapper


class _Bar(tqdm):
    monitor_interval = 0  # else a thread stays behind for good


class LiveLine:
    """Frames a second, tracking state, keyframes, and what was dropped, on a terminal."""

    def __init__(self, quiet: bool = False) -> None:
        hidden = True if quiet else None  # None: hidden where there is no terminal
        self._bar = _Bar(unit=" frames", disable=hidden, dynamic_ncols=True, leave=False)

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def settling(self) -> None:
        """The camera is done; the last optimisation and the map are not."""
        self._bar.set_postfix_str("settling the map; Ctrl-C gives it up, for --resume")

    def update(self, mapper: Mapper, capture: LiveCapture) -> None:
        state = mapper.state.value if capture.connected else "no signal"
        self._bar.set_postfix_str(
            f"{state}, {len(mapper.backend.keyframes)} keyframes, "
            f"{capture.counts.dropped} dropped, {mapper.counts.left_out} left out of the map",
            refresh=False,
        )
        self._bar.update()

"""Ctrl-C and a polite kill as a wish to stop after the present frame."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

from mapper.runtime.closing import Closing

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(Closing):
    """Within its `with` block the first signal only sets `requested`; a second one interrupts.

    An exception raised in the middle of a compiled kernel comes out as something else, and one in
    the middle of an integration would leave half a view in the map.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def close(self) -> None:
        """Signals do again what they did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

"""How the program itself is doing: its memory and its pace."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Final

WINDOW_S: Final = 2.0  # over which the pace is averaged
_STATUS: Final = Path("/proc/self/statm")


def resident_mb() -> float | None:
    """The process's memory now, MiB; None where the system does not tell."""
    try:
        pages = int(_STATUS.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Pace:
    """Events a second, over the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self) -> float:
        """Count an event now; returns the rate."""
        now = time.monotonic()
        self._times.append(now)
        while now - self._times[0] > WINDOW_S:
            self._times.popleft()
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0

"""How the program itself is doing: its memory and its pace."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Final

import psutil

WINDOW_S: Final = 2.0  # over which the pace is averaged


def resident_mb() -> float:
    """The process's memory now, MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def peak_memory_mb() -> float:
    """The process's largest resident size so far, MiB."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource  # Unix alone has it; psutil tells the peak on Windows alone

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


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

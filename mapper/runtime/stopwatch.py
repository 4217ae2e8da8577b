"""Times of the stages of a run."""

from __future__ import annotations

import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Stopwatch:
    """Durations by stage, in seconds. Each stage belongs to one thread."""

    def __init__(self) -> None:
        # Arrays: a live run may last for hours, and a list takes four times as much of each.
        self.durations: dict[str, array[float]] = defaultdict(lambda: array("d"))

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.durations[stage].append(time.perf_counter() - start)

    def last_ms(self, stage: str) -> float:
        """The newest duration of a stage, milliseconds."""
        return self.durations[stage][-1] * 1e3

    def summary(self) -> dict[str, dict[str, float]]:
        """stage -> count, total_s, and mean, median, p99 in milliseconds."""
        result = {}
        for stage, seconds in self.durations.items():
            ms = np.array(seconds) * 1e3
            result[stage] = {
                "count": len(seconds),
                "total_s": float(ms.sum() / 1e3),
                "mean": float(ms.mean()),
                "median": float(np.median(ms)),
                "p99": float(np.percentile(ms, 99)),
            }
        return result

"""Writes the trajectories now and then while a run goes."""

from __future__ import annotations

import time
from typing import Final

from mapper.io.trajectory_files import write_tum, write_tum_parts
from mapper.run.directory import RunDirectory
from mapper.slam.recorder import MapNow

SAVE_PAUSE: Final = 20.0  # times what saving takes, before it is done again


class TrajectorySaver:
    """Saves them again after `interval` seconds at the soonest.

    It takes longer the longer the run lasts, and tracking has to share the time with it.
    """

    def __init__(self, run: RunDirectory, interval: float) -> None:
        self._run = run
        self._interval = interval
        self._next = time.monotonic() + interval

    def save_if_due(self, now: MapNow) -> None:
        """Mostly nothing."""
        if time.monotonic() > self._next:
            self.save(now)

    def save(self, now: MapNow) -> None:
        """All frames that are placed by now, and the keyframes alone."""
        start = time.monotonic()
        placed = now.global_map()
        write_tum_parts(self._run.trajectory, placed.trajectory_parts())
        write_tum(self._run.keyframe_trajectory, placed.keyframe_trajectory())
        end = time.monotonic()
        self._next = end + max(self._interval, SAVE_PAUSE * (end - start))

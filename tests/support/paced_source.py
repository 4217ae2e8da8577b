"""A camera that waits for the map: each image is given when the one before has been mapped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.source import LiveImage
from mapper.io.viewer.map_logger import NullLogger

PATIENCE_S = 300.0


class Pace(NullLogger):
    """A viewer that lets the next image come with each frame that it is shown.

    at_frame: called with the number of frames shown so far, in the backend's thread.
    """

    def __init__(self, at_frame: Callable[[int], None] | None = None) -> None:
        self.ready = threading.Semaphore(1)
        self.shown = 0
        self._at_frame = at_frame

    def frame(self, *_: object, **__: object) -> None:
        self.shown += 1
        if self._at_frame is not None:
            self._at_frame(self.shown)
        self.ready.release()


class PacedSource:
    """Gives images uint8 (H, W, 3), a tenth of a second apart, or raises what lies among them."""

    has_depth = False
    camera_kind: CameraKind | None = None
    calibration: Calibration | None = None

    def __init__(
        self,
        script: Iterable[np.ndarray | Exception],
        ready: threading.Semaphore,
        begin: float = 100.0,
        name: str = "paced",
    ) -> None:
        self.opened = self.closed = 0
        self.name, self.ready = name, ready
        self._script, self._time = iter(script), begin

    def open(self) -> None:
        self.opened += 1

    def read(self) -> LiveImage | None:
        self.ready.acquire(timeout=PATIENCE_S)
        item = next(self._script, None)
        if isinstance(item, Exception):
            raise item
        self._time += 0.1
        return None if item is None else LiveImage(self._time, item)

    def close(self) -> None:
        self.closed += 1

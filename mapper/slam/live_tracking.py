"""Hands what a camera shows to the mapper as frames, and to the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from mapper.errors import InputError
from mapper.io.live.capture import LiveCapture
from mapper.io.live.recording import FrameRecording
from mapper.io.live.source import LiveImage, arrival_time
from mapper.io.live.view import LiveView
from mapper.io.sequences.bounded import bounded_frame
from mapper.runtime.patience import told
from mapper.slam.live_noise import LiveNoise
from mapper.slam.mapper import Mapper
from mapper.slam.progress import Progress

PAUSE_S: Final = 1.0  # between two parts of a run where the clock does not tell


class LiveTracking:
    """One image after the other, until the end.

    record: takes the frames too. relocalises: the frontend finds its place again after a gap; for
    others a segment begins there. noise: of the frames' depth; None where that is not used.
    ended_at: seconds, timestamp of the last frame of the part before; None where there was none.
    max_side: pixels to which larger images are reduced before
    they are mapped; 0 = never. told: of each image, and the index of the frame that it becomes.
    """

    def __init__(
        self,
        mapper: Mapper,
        view: LiveView,
        record: FrameRecording | None,
        relocalises: bool,
        noise: LiveNoise | None = None,
        ended_at: float | None = None,
        max_side: int = 0,
        told: Callable[[int, LiveImage], None] | None = None,
    ) -> None:
        self._mapper, self._view, self._record = mapper, view, record
        self._relocalises = relocalises
        self._noise, self._max_side, self._told = noise, max_side, told
        self._original_size: tuple[int, int] | None = None
        self._gaps = 0
        self._first = mapper.counts.frames
        self._begin = 0.0 if ended_at is None else ended_at + PAUSE_S
        self._shift: float | None = None  # known with the first image

    def follow(
        self, capture: LiveCapture, stopped: Callable[[], bool], progress: Progress
    ) -> Exception | None:
        """Map image after image until the end; returns the fault that was it, if it was one.

        Whatever it is: what was mapped before must still be written.
        """
        mapper = self._mapper
        try:
            for seen in capture.images(stopped):
                self._take(seen, capture)
                counts = {
                    "keyframes": mapper.keyframes,
                    "dropped": capture.counts.dropped,
                    "left out of the map": mapper.counts.left_out,
                }
                progress.update(mapper.state.value if capture.connected else "no signal", counts)
        except Exception as fault:
            return fault
        return None

    def _take(self, seen: LiveImage, capture: LiveCapture) -> None:
        mapper = self._mapper
        try:
            frame = self._view.frame(mapper.counts.frames, self._in_order(seen))
        except InputError as error:
            mapper.skip(error)
            return
        except Exception as error:  # of OpenCV or NumPy, for this image
            mapper.skip(InputError(f"an image cannot be prepared ({told(error)})"))
            return
        if seen.after_gap:
            self._gaps += 1
            if not self._relocalises:
                mapper.start_segment()
        if self._told is not None:
            self._told(frame.index, seen)
        if self._record is not None:
            self._record.put(frame)
        self._original_size = frame.image.shape[1], frame.image.shape[0]
        frame = bounded_frame(frame, self._max_side)
        if self._noise is not None:
            frame = self._noise.carried_by(frame)
        values = {
            "live/dropped": float(capture.counts.dropped),
            "live/left_out": float(mapper.counts.left_out),
            "live/reconnections": float(capture.counts.reconnections),
            "waited_ms": max(0.0, arrival_time() - seen.timestamp) * 1e3,
        }
        mapper.step(frame, values)

    def _in_order(self, seen: LiveImage) -> LiveImage:
        """The image after the part before, where its clock lies behind that one's."""
        if self._shift is None:
            self._shift = max(0.0, self._begin - seen.timestamp)
        return replace(seen, timestamp=seen.timestamp + self._shift)

    def is_apart(self, mapped: np.ndarray) -> bool:
        """Whether this part and the one before are not in one map. mapped: indices of frames."""
        if self._first == 0 or self._mapper.counts.frames == self._first:
            return False
        return bool((mapped < self._first).all() or (mapped >= self._first).all())

    def metrics(self, capture: LiveCapture) -> dict[str, Any]:
        """What became of the images that arrived."""
        counts, record = capture.counts, self._record
        return {
            "original_size": self._original_size,
            "received": counts.received,
            "dropped": counts.dropped,
            "unreadable": counts.unreadable,
            "gaps": self._gaps,
            "breaks": counts.breaks,
            "reconnections": counts.reconnections,
            "recorded": 0 if record is None else record.written,
            "not_recorded": 0 if record is None else record.left_out,
            "record_fault": None if record is None else record.fault,
        }

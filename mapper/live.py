"""Maps a live camera into a run directory, until someone stops it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mapper.config import MapperConfig
from mapper.errors import InputError
from mapper.frontends.base import Frontend
from mapper.interruption import Interruption
from mapper.io.calibration import Calibration
from mapper.io.live.capture import LiveCapture
from mapper.io.live.recording import FrameRecording
from mapper.io.live.source import LiveImage, LiveSource, arrival_time
from mapper.io.live.view import LiveView
from mapper.io.map_logger import MapLogger
from mapper.live_progress import LiveLine
from mapper.mapping import Mapper
from mapper.run_directory import RunDirectory
from mapper.run_outputs import write_outputs
from mapper.run_recorder import RunRecorder
from mapper.trajectory import Trajectory

SWITCH_INTERVAL_S: Final = 5e-4  # Python's own 5 ms, several times a frame, would be felt
RELOCALISING: Final = ("rgbd",)  # frontends that find their place again after a gap


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """calibration: goes before what the camera says of itself. record: folder for the frames.

    max_seconds: stop after so long; None = when the source ends or someone stops it.
    quiet: no line on the terminal.
    """

    calibration: Calibration | None = None
    record: Path | None = None
    max_seconds: float | None = None
    quiet: bool = False


def run_live(
    source: LiveSource,
    frontend: Frontend,
    config: MapperConfig,
    run: RunDirectory,
    show: MapLogger,
    options: LiveOptions,
) -> dict[str, Any]:
    """Map what the camera sees; returns the metrics that are also in metrics.json.

    Capture, tracking, backend, viewer and record each have a thread and a bounded queue; of
    images the newest is tracked. Ctrl-C, SIGTERM, the viewer's end, max_seconds or the end of a
    file stop it, and everything seen so far is written.
    """
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        interruption = stack.enter_context(Interruption())
        capture = stack.enter_context(LiveCapture(source))
        line = stack.enter_context(LiveLine(options.quiet))
        view = LiveView(options.calibration or source.calibration)
        record = _open_record(options, view, source, stack)
        recorder = RunRecorder(run, config.recording, show)
        mapper = Mapper(
            config, frontend=frontend, recorder=recorder, store=run.keyframes, live=True
        )
        tracking = _Tracking(mapper, view, record, capture)
        for seen in capture.images(_until(interruption, show, options.max_seconds)):
            tracking.take(seen)
            line.update(mapper, capture)
        seconds = time.perf_counter() - started
        capture.close()
        if record is not None:
            record.close()
        result = mapper.finish()
        if result.keyframes == 0:
            raise InputError(_nothing_mapped(source, mapper))
        extra = {**tracking.metrics(), "seconds_to_settle": time.perf_counter() - started - seconds}
        return write_outputs(run, _NoTruth(), result, mapper.stopwatch, show, seconds, False, extra)


class _NoTruth:
    """Nobody knows where a live camera really was."""

    ground_truth: Trajectory | None = None


class _Tracking:
    """Hands each image to the mapper as a frame, and to the record."""

    def __init__(
        self, mapper: Mapper, view: LiveView, record: FrameRecording | None, capture: LiveCapture
    ) -> None:
        self._mapper, self._view, self._record, self._capture = mapper, view, record, capture
        self._gaps = 0

    def take(self, seen: LiveImage) -> None:
        mapper = self._mapper
        try:
            frame = self._view.frame(mapper.counts.frames, seen)
        except InputError as error:
            mapper.skip(error)
            return
        if seen.after_gap:
            self._gaps += 1
            if mapper.frontend_name not in RELOCALISING:
                mapper.start_segment()
        if self._record is not None:
            self._record.put(frame)
        counts = self._capture.counts
        values = {
            "live/dropped": float(counts.dropped),
            "live/left_out": float(mapper.counts.left_out),
            "live/reconnections": float(counts.reconnections),
            "waited_ms": max(0.0, arrival_time() - seen.timestamp) * 1e3,
        }
        mapper.step(frame, values)

    def metrics(self) -> dict[str, Any]:
        """What became of the images that arrived."""
        counts, record = self._capture.counts, self._record
        return {
            "received": counts.received,
            "dropped": counts.dropped,
            "gaps": self._gaps,
            "breaks": counts.breaks,
            "reconnections": counts.reconnections,
            "recorded": 0 if record is None else record.written,
            "not_recorded": 0 if record is None else record.left_out,
            "record_fault": None if record is None else record.fault,
        }


def _open_record(
    options: LiveOptions, view: LiveView, source: LiveSource, stack: ExitStack
) -> FrameRecording | None:
    if options.record is None:
        return None
    record = FrameRecording(options.record, view.frame_calibration, source.has_depth)
    return stack.enter_context(record)


def _until(
    interruption: Interruption, show: MapLogger, max_seconds: float | None
) -> Callable[[], bool]:
    """Whether it is time to stop."""
    end = float("inf") if max_seconds is None else time.monotonic() + max_seconds
    return lambda: interruption.requested or show.closed_by_user or time.monotonic() >= end


def _nothing_mapped(source: LiveSource, mapper: Mapper) -> str:
    counts = mapper.counts
    if counts.frames == 0:
        return f"{source.name}: no image came, so there is no map; is the camera running?"
    reason = f"; the first: {mapper.skip_reason}" if mapper.skip_reason else ""
    return f"{source.name}: not one of {counts.frames} images could be placed{reason}"

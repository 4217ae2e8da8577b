"""Maps a live camera into a run directory, until someone stops it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.commands.live_progress import LiveLine
from mapper.config.settings import MapperConfig
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.frontends.base import Frontend
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.capture import LiveCapture
from mapper.io.live.recording import FrameRecording
from mapper.io.live.source import LiveImage, LiveSource, arrival_time
from mapper.io.live.view import LiveView
from mapper.io.viewer.map_logger import MapLogger
from mapper.run.directory import RunDirectory
from mapper.run.outputs import write_outputs
from mapper.run.recorder import RunRecorder
from mapper.runtime.interruption import Interruption
from mapper.saved.live_resume import LivePast
from mapper.saved.map import load_decisions
from mapper.slam.mapper import Mapper

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_S: Final = 5e-4  # Python's own 5 ms, several times a frame, would be felt
RELOCALISING: Final = ("rgbd",)  # frontends that find their place again after a gap
APART: Final = (
    "nothing was recognised of the part before, so the map holds the larger of the two alone; "
    "carry on with --resume, from what one part saw to what the other did, to join them"
)
PAUSE_S: Final = 1.0  # between two parts of a run where the clock does not tell


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """calibration: goes before what the camera says of itself. record: folder for the frames.

    max_seconds: stop after so long; None = when the source ends or someone stops it.
    quiet: no line on the terminal. past: of the run that is carried on.
    """

    calibration: Calibration | None = None
    record: Path | None = None
    max_seconds: float | None = None
    quiet: bool = False
    past: LivePast | None = None


def run_live(
    capture: LiveCapture,
    frontend: Frontend,
    config: MapperConfig,
    run: RunDirectory,
    show: MapLogger,
    options: LiveOptions,
) -> dict[str, Any]:
    """Map what the camera sees; returns the metrics that are also in metrics.json.

    Capture, tracking, backend, viewer and record each have a thread and a bounded queue; of
    images the newest is tracked. Ctrl-C, SIGTERM, the viewer's end, max_seconds or the end of a
    file stop it, and everything seen so far is written. So it is where the source fails for good
    (InputError), which is raised after that. The camera is let go in any case.
    """
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        interruption = stack.enter_context(Interruption())
        stack.callback(capture.close)
        line = stack.enter_context(LiveLine(options.quiet))
        view = LiveView(options.calibration or capture.source.calibration)
        record = _open_record(options, view, capture.source, stack)
        mapper = _open_mapper(frontend, config, run, show, options.past)
        tracking = _Tracking(mapper, view, record, capture, options.past)
        fault = tracking.follow(_until(interruption, show, options.max_seconds), line)
        seconds = time.perf_counter() - started
        capture.close()
        if record is not None:
            record.close()
        line.settling()
        metrics = _settle(mapper, tracking, run, show, seconds)
    if metrics is None:
        raise fault or InputError(_nothing_mapped(capture.source, mapper))
    if fault is not None:
        logger.warning("%s: what came before the fault is mapped", run.path)
        raise fault
    return metrics


class _NoTruth:
    """Nobody knows where a live camera really was."""

    ground_truth: Trajectory | None = None


class _Tracking:
    """Hands each image to the mapper as a frame, and to the record."""

    def __init__(
        self,
        mapper: Mapper,
        view: LiveView,
        record: FrameRecording | None,
        capture: LiveCapture,
        past: LivePast | None,
    ) -> None:
        self._mapper, self._view, self._record, self._capture = mapper, view, record, capture
        self._gaps = 0
        self._first = mapper.counts.frames
        self._begin = 0.0 if past is None else past.last_timestamp + PAUSE_S
        self._shift: float | None = None  # known with the first image

    def follow(self, stopped: Callable[[], bool], line: LiveLine) -> InputError | None:
        """Map image after image until the end; returns the fault that was it, if it was one."""
        try:
            for seen in self._capture.images(stopped):
                self._take(seen)
                line.update(self._mapper, self._capture)
        except InputError as fault:
            return fault
        return None

    def _take(self, seen: LiveImage) -> None:
        mapper = self._mapper
        try:
            frame = self._view.frame(mapper.counts.frames, self._in_order(seen))
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


def _open_mapper(
    frontend: Frontend,
    config: MapperConfig,
    run: RunDirectory,
    show: MapLogger,
    past: LivePast | None,
) -> Mapper:
    recorder = RunRecorder(run, config.recording, show, past.journal_bytes if past else 0)
    mapper = Mapper(config, frontend=frontend, recorder=recorder, store=run.keyframes, live=True)
    if past is not None:
        past.restore(mapper)
        recorder.resume(past.keyframes)
    return mapper


def _open_record(
    options: LiveOptions, view: LiveView, source: LiveSource, stack: ExitStack
) -> FrameRecording | None:
    if options.record is None:
        return None
    record = FrameRecording(options.record, view.frame_calibration, source.has_depth)
    return stack.enter_context(record)


def _settle(
    mapper: Mapper, tracking: _Tracking, run: RunDirectory, show: MapLogger, seconds: float
) -> dict[str, Any] | None:
    """Write everything, after so many seconds of tracking; None where nothing was mapped."""
    started = time.perf_counter()
    result = mapper.finish()
    if result.keyframes == 0:
        return None
    result = replace(result, decisions=load_decisions(run))
    if tracking.is_apart(result.frame_indices):
        logger.warning(APART)
    extra = {**tracking.metrics(), "seconds_to_settle": time.perf_counter() - started}
    return write_outputs(run, _NoTruth(), result, mapper.stopwatch, show, seconds, False, extra)


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

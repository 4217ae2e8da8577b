"""Maps a live camera into a run directory, until someone stops it.

It differs from mapper.pipeline in the source of its frames and in that it never waits for the
backend: of the images the newest is tracked.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mapper.config.loader import load_config
from mapper.config.settings import MapperConfig
from mapper.errors import InputError
from mapper.frontends.base import Frontend
from mapper.frontends.registry import (
    choose_frontend,
    create_frontend,
    frontend_spec,
    weights_would_help,
)
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.capture import LiveCapture
from mapper.io.live.open_live import open_live
from mapper.io.live.recording import refuse_used
from mapper.io.live.source import LiveSource
from mapper.io.live.view import LiveView
from mapper.io.viewer.map_logger import MapLogger
from mapper.live_job import Companion, LiveJob, open_mapper, open_record
from mapper.pipeline import Say, introduced, prepared, say_nothing
from mapper.request import LiveRequest
from mapper.run.description import describe, described_camera, with_whole_paths
from mapper.run.directory import RunDirectory
from mapper.run.outputs import Course, write_outputs
from mapper.run.ownership import created, reopened
from mapper.run.stored_run import StoredSequence
from mapper.run.viewing import open_viewer
from mapper.runtime.interruption import Interruption
from mapper.saved.live_camera import calibration_of, known_camera
from mapper.saved.map import load_decisions
from mapper.saved.resume import (
    check_live,
    read_live_past,
    set_aside,
    settings_of,
)
from mapper.slam.devices import check_alignment_device
from mapper.slam.findings import camera_metrics, moved
from mapper.slam.live_tracking import LiveTracking
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.slam.progress import NullProgress, Progress
from mapper.slam.result import MappingResult

logger = logging.getLogger(__name__)

DEFAULT_OUT: Final = Path("runs") / "live"
SWITCH_INTERVAL_S: Final = 5e-4  # Python's own 5 ms, several times a frame, would be felt
APART: Final = (
    "nothing was recognised of the part before, so the map holds the larger of the two alone; "
    "carry on with --resume, from what one part saw to what the other did, to join them"
)


def map_camera(
    request: LiveRequest,
    say: Say = say_nothing,
    progress: Callable[[], Progress] = NullProgress,
    companion: Callable[[MapperConfig], Companion] | None = None,
) -> tuple[RunDirectory, dict[str, Any]]:
    """Map what a camera sees into a run directory; returns it and the metrics that it holds.

    companion: gives the images in place of the camera that the request names, and is told of them.
    """
    out = request.out or DEFAULT_OUT
    config = with_whole_paths(load_config(request.config, request.changes, request.settings))
    with ExitStack() as stack:
        before = stack.enter_context(reopened(out)) if request.resume else None
        if before is not None:
            check_live(before)
            config = settings_of(before, config, request.asks_for_settings)
        calibration = calibration_of(request, before)
        beside = None if companion is None else companion(config)
        source = _source(request, calibration) if beside is None else beside.source
        name, why = choose_frontend(config, source.has_depth)
        matcher = choose_matcher(config.matcher, say)
        check_alignment_device(config)
        frontend = create_frontend(config, name, matcher)
        past = None if before is None else read_live_past(before)
        if request.record is not None:
            refuse_used(request.record)
        seconds = prepared(name, config, say)  # before the first image, or it would be lost
        # All that may fail, before a former run is touched.
        capture = stack.enter_context(LiveCapture(source))
        if beside is not None:
            beside.begin()
        spec = frontend_spec(name)
        camera = known_camera(request, before, calibration, source) if spec.needs_depth else None
        if before is None:
            described = described_camera(request, source, camera)
            run = stack.enter_context(_begun(request, out, described, frontend, config))
        else:
            set_aside(before, past)
            run = before
        show = stack.enter_context(
            closing(open_viewer(request, run, config.recording.image_every, None, say))
        )
        say(f"{source.name}: {introduced(name, why, config)}; Ctrl-C ends it")
        if (more := weights_would_help(config, name)) is not None:
            say(f"  {more}")
        job = LiveJob(
            frontend,
            config,
            run,
            calibration,
            request.record,
            spec.relocalises,
            past,
            seconds,
            matcher,
            spec.needs_depth,
            camera,
            beside,
        )
        return run, run_live(capture, job, show, request.max_seconds, progress())


def run_live(
    capture: LiveCapture,
    job: LiveJob,
    show: MapLogger,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Map what the camera sees; returns the metrics that are also in metrics.json.

    Capture, tracking, backend, viewer and record each have a thread and a bounded queue. Ctrl-C,
    SIGTERM, the viewer's end, max_seconds or the end of a file stop it, and everything seen so far
    is written. So it is where anything fails for good, which is raised after that.
    The camera is let go in any case.
    """
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        interruption = stack.enter_context(Interruption())
        stack.callback(capture.close)
        bar = stack.enter_context(progress or NullProgress())
        view = LiveView(job.calibration or capture.source.calibration)
        record = open_record(job, view, capture.source, stack)
        mapper = open_mapper(job, show, stack)
        ended_at = None if job.past is None else job.past.last_timestamp
        max_side = job.config.images.max_side
        noise = job.noise()
        told = None if job.companion is None else job.companion.seen
        tracking = LiveTracking(
            mapper, view, record, job.relocalises, noise, ended_at, max_side, told
        )
        fault: BaseException | None = tracking.follow(
            capture, _until(interruption, show, max_seconds), bar
        )
        seconds = time.perf_counter() - started
        capture.close()
        if record is not None:
            record.close()
        bar.settling()
        result = _settled(mapper, tracking, job.run)
        fault = fault or mapper.fault
        if result is None:
            raise fault or InputError(_nothing_mapped(capture.source, mapper))
        settling = time.perf_counter() - started - seconds
        extra = {
            **tracking.metrics(capture),
            "seconds_to_settle": settling,
            "matcher": mapper.matcher.name,
            "warm_up_s": job.warm_up_s,
            **camera_metrics(noise.camera if noise else None),
            **mapper.guard.metrics(),
            **moved(mapper.backend, result.trajectory),
            "input_notes": mapper.guard.notes(),
        }
        if job.companion is not None:
            extra |= job.companion.metrics()
            extra["input_notes"] += list(job.companion.notes())
        metrics = write_outputs(
            job.run, result, None, Course(mapper.stopwatch, seconds), show, extra
        )
    if fault is not None:
        logger.warning("%s: what came before the fault is mapped", job.run.path)
        raise fault
    return metrics


@contextmanager
def _begun(
    request: LiveRequest,
    out: Path,
    described: StoredSequence,
    frontend: Frontend,
    config: MapperConfig,
) -> Iterator[RunDirectory]:
    """A new run directory, in place of an earlier run if that was asked for."""
    with created(out, request.overwrite) as run:
        run.write_description(describe(run.path, described, frontend, config))
        yield run


def _source(request: LiveRequest, calibration: Calibration | None) -> LiveSource:
    """At the size that the calibration is for."""
    camera = None if calibration is None else calibration.color.intrinsics
    return open_live(
        request.camera,
        realtime=request.realtime,
        size=None if camera is None else (camera.width, camera.height),
        topics=request.topics,
    )


def _settled(mapper: Mapper, tracking: LiveTracking, run: RunDirectory) -> MappingResult | None:
    """Everything that was seen, brought in line; None where nothing was mapped."""
    result = mapper.finish()
    if result.keyframes == 0:
        return None
    if tracking.is_apart(result.frame_indices):
        logger.warning(APART)
    return replace(result, decisions=load_decisions(run))


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

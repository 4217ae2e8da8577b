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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mapper.config.loader import load_config
from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise
from mapper.errors import InputError
from mapper.frontends.base import Frontend
from mapper.frontends.registry import choose_frontend, create_frontend, frontend_spec
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.capture import LiveCapture
from mapper.io.live.open_live import open_live
from mapper.io.live.recording import FrameRecording, refuse_used
from mapper.io.live.source import LiveSource
from mapper.io.live.view import LiveView
from mapper.io.viewer.map_logger import MapLogger
from mapper.pipeline import Say, introduced, prepared, say_nothing
from mapper.request import LiveRequest
from mapper.run.description import describe, described_camera, note_camera, with_whole_paths
from mapper.run.directory import RunDirectory
from mapper.run.outputs import Course, write_outputs
from mapper.run.ownership import created, reopened
from mapper.run.recorder import RunRecorder
from mapper.run.stored_run import StoredSequence
from mapper.run.viewing import open_viewer
from mapper.runtime.interruption import Interruption
from mapper.saved.live_camera import calibration_of, known_camera
from mapper.saved.map import load_decisions
from mapper.saved.resume import (
    Past,
    check_live,
    read_live_past,
    set_aside,
    settings_of,
)
from mapper.slam.devices import check_alignment_device
from mapper.slam.findings import camera_metrics, moved
from mapper.slam.live_noise import LiveNoise
from mapper.slam.live_tracking import LiveTracking
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.slam.progress import NullProgress, Progress
from mapper.slam.result import MappingResult
from mapper.vision.matching import FeatureMatcher

logger = logging.getLogger(__name__)

DEFAULT_OUT: Final = Path("runs") / "live"
SWITCH_INTERVAL_S: Final = 5e-4  # Python's own 5 ms, several times a frame, would be felt
APART: Final = (
    "nothing was recognised of the part before, so the map holds the larger of the two alone; "
    "carry on with --resume, from what one part saw to what the other did, to join them"
)


def map_camera(
    request: LiveRequest, say: Say = say_nothing, progress: Callable[[], Progress] = NullProgress
) -> tuple[RunDirectory, dict[str, Any]]:
    """Map what a camera sees into a run directory; returns it and the metrics that it holds."""
    out = request.out or DEFAULT_OUT
    config = with_whole_paths(load_config(request.config, request.changes, request.settings))
    with ExitStack() as stack:
        before = stack.enter_context(reopened(out)) if request.resume else None
        if before is not None:
            check_live(before)
            config = settings_of(before, config, request.asks_for_settings)
        calibration = calibration_of(request, before)
        source = open_live(
            request.camera,
            realtime=request.realtime,
            size=_size(calibration),
            topics=request.topics,
        )
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
        )
        return run, run_live(capture, job, show, request.max_seconds, progress())


@dataclass(frozen=True, slots=True)
class LiveJob:
    """By whom a camera is mapped and where to.

    calibration: goes before what the camera says of itself. record: folder for the frames.
    relocalises, needs_depth: see FrontendSpec. past: of the run that is carried on. warm_up_s:
    seconds until it was ready for the first image. matcher: of features; the default unless given.
    camera: what the depth is taken for, if known.
    """

    frontend: Frontend
    config: MapperConfig
    run: RunDirectory
    calibration: Calibration | None = None
    record: Path | None = None
    relocalises: bool = False
    past: Past | None = None
    warm_up_s: float = 0.0
    matcher: FeatureMatcher | None = None
    needs_depth: bool = False
    camera: CameraNoise | None = None


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
        record = _open_record(job, view, capture.source, stack)
        mapper = _open_mapper(job, show, stack)
        ended_at = None if job.past is None else job.past.last_timestamp
        max_side = job.config.images.max_side
        noise = _noise(job)
        tracking = LiveTracking(mapper, view, record, job.relocalises, noise, ended_at, max_side)
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


def _noise(job: LiveJob) -> LiveNoise | None:
    """Of the frames' depth, where that is what is tracked."""
    if not job.needs_depth:
        return None
    return LiveNoise(job.camera, lambda found: note_camera(job.run, found))


def _size(calibration: Calibration | None) -> tuple[int, int] | None:
    """Width and height of the images that a calibration is for."""
    if calibration is None:
        return None
    camera = calibration.color.intrinsics
    return camera.width, camera.height


def _open_mapper(job: LiveJob, show: MapLogger, stack: ExitStack) -> Mapper:
    """Where the past left off; closed with the stack."""
    run, config, past = job.run, job.config, job.past
    written = past.journal_bytes if past else 0
    recorder = stack.enter_context(
        RunRecorder(run, config.recording, show, written, threaded=config.threads)
    )
    mapper = stack.enter_context(
        Mapper(
            config,
            frontend=job.frontend,
            matcher=job.matcher,
            recorder=recorder,
            store=recorder.store,
            live=True,
        )
    )
    if past is not None:
        past.restore(mapper)
        recorder.resume(past.keyframes)
    return mapper


def _open_record(
    job: LiveJob, view: LiveView, source: LiveSource, stack: ExitStack
) -> FrameRecording | None:
    if job.record is None:
        return None
    calibration = view.frame_calibration
    if calibration is not None and job.camera is not None:
        calibration = replace(calibration, camera_kind=job.camera.told_kind)
    return stack.enter_context(FrameRecording(job.record, calibration, source.has_depth))


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

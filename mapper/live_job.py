"""By whom a live camera is mapped and where to, and what it is told to besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise
from mapper.frontends.base import Frontend
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.recording import FrameRecording
from mapper.io.live.source import LiveImage, LiveSource
from mapper.io.live.view import LiveView
from mapper.io.viewer.map_logger import MapLogger
from mapper.run.description import note_camera
from mapper.run.directory import RunDirectory
from mapper.run.recorder import RunRecorder
from mapper.saved.resume import Past
from mapper.slam.live_noise import LiveNoise
from mapper.slam.mapper import Mapper
from mapper.slam.recorder import Recorder, Recorders
from mapper.vision.matching import FeatureMatcher


class Companion(Recorder, Protocol):
    """Gives the images of a live run and is told what becomes of them, such as a robot.

    source: of the images.
    """

    @property
    def source(self) -> LiveSource: ...  # noqa: D102  # above
    def begin(self) -> None:
        """The source is open, and nothing has been mapped."""

    def resume(self, keyframes: Sequence[Keyframe], load: Callable[[int], KeyframeMap]) -> None:
        """What a run that is carried on had mapped; load: the map of a keyframe by its id."""

    def seen(self, index: int, image: LiveImage) -> None:
        """An image became the frame of that index; told in the thread that tracks."""

    def metrics(self) -> dict[str, Any]:
        """For metrics.json."""

    def notes(self) -> tuple[str, ...]:
        """Sentences for the report."""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """By whom a camera is mapped and where to.

    calibration: goes before what the camera says of itself. record: folder for the frames.
    relocalises, needs_depth: see FrontendSpec. past: of the run that is carried on. warm_up_s:
    seconds until it was ready for the first image. matcher: of features; the default unless given.
    camera: what the depth is taken for, if known. companion: is told besides.
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
    companion: Companion | None = None

    def noise(self) -> LiveNoise | None:
        """Of the frames' depth, where that is what is tracked."""
        if not self.needs_depth:
            return None
        return LiveNoise(self.camera, lambda found: note_camera(self.run, found))


def open_mapper(job: LiveJob, show: MapLogger, stack: ExitStack) -> Mapper:
    """Where the past left off; closed with the stack."""
    run, config, past, companion = job.run, job.config, job.past, job.companion
    written = past.journal_bytes if past else 0
    recorder = stack.enter_context(
        RunRecorder(run, config.recording, show, written, threaded=config.threads)
    )
    mapper = stack.enter_context(
        Mapper(
            config,
            frontend=job.frontend,
            matcher=job.matcher,
            recorder=recorder if companion is None else Recorders(recorder, companion),
            store=recorder.store,
            live=True,
        )
    )
    if past is not None:
        past.restore(mapper)
        recorder.resume(past.keyframes)
        if companion is not None:
            companion.resume(past.keyframes, recorder.store.load)
    return mapper


def open_record(
    job: LiveJob, view: LiveView, source: LiveSource, stack: ExitStack
) -> FrameRecording | None:
    """Where the frames are kept, if they are; closed with the stack."""
    if job.record is None:
        return None
    calibration = view.frame_calibration
    if calibration is not None and job.camera is not None:
        calibration = replace(calibration, camera_kind=job.camera.told_kind)
    return stack.enter_context(FrameRecording(job.record, calibration, source.has_depth))

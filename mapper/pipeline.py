"""Maps a sequence into a run directory: the main loop and what surrounds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mapper.backend.priors.knowledge import Knowledge
from mapper.config.loader import load_config
from mapper.config.settings import MapperConfig
from mapper.core.camera_noise import CameraNoise
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import (
    Frontend,
    PreparingFrontend,
)
from mapper.frontends.registry import (
    AUTO,
    check_enough,
    choose_frontend,
    create_frontend,
    frontend_spec,
    weights_would_help,
)
from mapper.frontends.terms import licences_of
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import check_depth_range, depth_camera
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_chosen, sequence_name
from mapper.io.sequences.prefetch import Prefetch
from mapper.io.sequences.sequence import Sequence
from mapper.known.gather import gather
from mapper.known.guiding import tell_ahead
from mapper.known.stored import read_knowledge, write_knowledge
from mapper.measured.asked import check_scalable, measurements
from mapper.request import RunRequest
from mapper.run.description import describe, described_sequence, with_tie, with_whole_paths
from mapper.run.directory import RunDirectory
from mapper.run.outputs import Course, write_outputs
from mapper.run.ownership import created, reopened
from mapper.run.recorder import RunRecorder
from mapper.run.viewing import open_viewer
from mapper.runtime.interruption import Interruption
from mapper.saved.resume import (
    Past,
    as_before,
    camera_before,
    check_same_frames,
    read_past,
    set_aside,
    settings_of,
)
from mapper.slam.devices import check_alignment_device
from mapper.slam.findings import found, moved, reported
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.slam.no_map import no_map
from mapper.slam.progress import NullProgress, Progress
from mapper.slam.warm_up import is_cold, warm_up
from mapper.vision.matching import FeatureMatcher

Say = Callable[[str], None]


def say_nothing(text: str) -> None:
    """For whoever has nobody to tell."""


def map_into(
    request: RunRequest, say: Say = say_nothing, progress: Callable[[int], Progress] = NullProgress
) -> tuple[RunDirectory, dict[str, Any]]:
    """Map a sequence into a run directory; returns it and the metrics that it holds.

    say: is told in a line what is going to be done. progress: made with the number of frames, then
    told of each.
    """
    out = request.out or Path("runs") / sequence_name(request.sequence)
    asked = measurements(request)
    config = with_whole_paths(load_config(request.config, request.changes, request.settings))
    with ExitStack() as stack:
        before = stack.enter_context(reopened(out)) if request.resume else None
        if before is not None:
            config = settings_of(before, config, request.asks_for_settings)
            request = as_before(request, before)
        elif config.frontend != AUTO and frontend_spec(config.frontend).sees_raw_images:
            request = _with_raw_images(request)
        stored = stack.enter_context(closing(open_chosen(request.sequence, request.calib, request)))
        if before is not None:
            check_same_frames(before, fingerprint(stored))
            if (metrics := before.read_json(before.metrics)).get("complete"):
                say(f"{before.path}: this run is complete already")
                return before, metrics
        check_depth_range(stored)
        name, why = choose_frontend(config, stored.has_depth, request.split_360 is not None)
        camera = _depth_camera(stored, request, before) if frontend_spec(name).needs_depth else None
        sequence = BoundedSequence(stored, config.images.max_side, camera)
        check_enough(name, len(sequence), sequence.path)
        matcher = choose_matcher(config.matcher, say)
        known = gather(request, stored) if before is None else read_knowledge(before)
        # Before a folder is made: this may be refused.
        check_alignment_device(config)
        frontend = create_frontend(config, name, matcher)
        tell_ahead(frontend, len(sequence), known)
        check_scalable(asked, frontend.is_metric, name)
        run = before or stack.enter_context(_begun(request, out, sequence, frontend, config))
        write_knowledge(run, known)
        why = why if before is None else "as before"
        what = f"{sequence.kind} sequence {sequence.name}: {len(sequence)} frames"
        say(f"{what}{_reduced(sequence)}; {introduced(name, why, config)}")
        for note in filter(None, (weights_would_help(config, name), camera and camera.in_words)):
            say(f"  {note}")
        for note in sequence.notes:
            say(f"  {note}")
        seconds = prepared(name, config, say)
        job = Job(request, config, sequence, frontend, matcher, run, known, seconds)
        metrics = _run(job, say, progress)
        if asked:  # reads images as networks do, by torch, which a depth camera does without
            from mapper.measured.scaling import scaled

            metrics = scaled(run, asked, metrics)
        return run, metrics


def _depth_camera(
    sequence: Sequence, request: RunRequest, before: RunDirectory | None
) -> CameraNoise | None:
    """What the depth is taken for; of a run that is resumed as it was."""
    if before is None or not sequence.has_depth:
        return depth_camera(sequence, request.camera_kind)
    return camera_before(before)


def prepared(frontend: str, config: MapperConfig, say: Say) -> float:
    """Have everything compiled before the first frame is due; the seconds that it took."""
    if is_cold():
        say("compiling the kernels, once on this machine")
    return warm_up(frontend, align=config.backend.align != "off")


def _reduced(sequence: BoundedSequence) -> str:
    """To what size the images are reduced; empty where they stay as they are."""
    if sequence.original is None or sequence.size is None or sequence.size == sequence.original:
        return ""
    (width, height), (w, h) = sequence.original, sequence.size
    return f" of {width}x{height}, worked on at {w}x{h} (images.max_side)"


def introduced(name: str, why: str, config: MapperConfig) -> str:
    """A frontend in a few words; of a network also what its published weights may be used for."""
    licences = licences_of(config, name) if frontend_spec(name).is_learned else ()
    terms = f"; its weights as published: {', '.join(licences)}" if licences else ""
    return f"frontend {name} ({why}){terms}"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be mapped, by whom and where to: all that may be refused has been opened.

    known: of the map from elsewhere. warm_up_s: seconds that it took to be ready for the first
    frame.
    """

    request: RunRequest
    config: MapperConfig
    sequence: BoundedSequence
    frontend: Frontend
    matcher: FeatureMatcher
    run: RunDirectory
    known: Knowledge
    warm_up_s: float = 0.0


def _run(job: Job, say: Say, progress: Callable[[int], Progress]) -> dict[str, Any]:
    """Returns the metrics that are also in metrics.json.

    Ctrl-C ends the sequence early; everything seen so far is written and --resume carries on.
    """
    started = time.perf_counter()
    request, config, sequence, run = job.request, job.config, job.sequence, job.run
    past = _take_up(request, run)
    image_every = config.recording.image_every
    with (
        closing(open_viewer(request, run, image_every, sequence.ground_truth, say)) as show,
        RunRecorder(
            run,
            config.recording,
            show,
            past.journal_bytes if past else 0,
            request.save_predictions,
            config.threads,
        ) as recorder,
        Mapper(
            config,
            frontend=job.frontend,
            matcher=job.matcher,
            recorder=recorder,
            store=recorder.store,
            known=job.known,
        ) as mapper,
    ):
        if past is not None:
            past.restore(mapper, sequence.__getitem__)
            recorder.resume(past.keyframes)
        first = past.next_frame if past else 0
        interrupted = _map_frames(job, mapper, first, progress(len(sequence)))
        result = mapper.finish()
        if result.keyframes == 0:
            raise InputError(no_map(sequence.path, mapper, job.frontend))
        if result.tie is not None and not result.tie.refused:
            run.write_description(with_tie(run, result.tie))
        course = Course(mapper.stopwatch, time.perf_counter() - started, interrupted)
        extra = {**found(sequence), "matcher": mapper.matcher.name, "warm_up_s": job.warm_up_s}
        extra |= reported(job.frontend, mapper.guard) | moved(mapper.backend, result.trajectory)
        for note in extra["frontend_notes"]:
            say(f"  {note}")
        extra["input_notes"] += extra.pop("frontend_notes")
        return write_outputs(run, result, sequence.ground_truth, course, show, extra)


def _map_frames(job: Job, mapper: Mapper, first: int, progress: Progress) -> bool:
    """The main loop: every frame from `first` on; whether someone stopped it before the end."""
    prepare = job.frontend.prepare if isinstance(job.frontend, PreparingFrontend) else None
    with (
        Interruption() as interruption,
        Prefetch(job.sequence, first, prepare=prepare) as frames,
        progress as bar,
    ):
        bar.begin(first)
        for frame in frames:
            if isinstance(frame, InputError):
                mapper.skip(frame)
            else:
                mapper.step(frame)
            bar.update(mapper.state.value, {"keyframes": mapper.keyframes, "loops": mapper.loops})
            if interruption.requested:
                break
    return interruption.requested


def _take_up(request: RunRequest, run: RunDirectory) -> Past | None:
    """What the run that is resumed had settled; its outcome is put aside."""
    if not request.resume:
        return None
    past = read_past(run)
    set_aside(run, past, request.save_recording)
    return past


def _with_raw_images(request: RunRequest) -> RunRequest:
    """The colour camera's own images, unless the user wants them registered to depth."""
    return replace(request, registration="none") if request.registration == "auto" else request


@contextmanager
def _begun(
    request: RunRequest,
    out: Path,
    sequence: BoundedSequence,
    frontend: Frontend,
    config: MapperConfig,
) -> Iterator[RunDirectory]:
    """A new run directory, in place of an earlier run if that was asked for."""
    for saved in (config.replay.predictions, config.predictions.path):
        if saved and out.resolve() in (resolved := Path(saved).resolve(), *resolved.parents):
            raise ConfigError(
                f"{saved} lies in {out}, which would be replaced: choose another --out"
            )
    with created(out, request.overwrite) as run:
        source = described_sequence(request, sequence)
        run.write_description(describe(run.path, source, frontend, config))
        yield run

"""Maps a sequence into a run directory: the main loop and what surrounds it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.config.loader import from_mapping, to_mapping
from mapper.config.settings import MapperConfig
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend, PreparingFrontend
from mapper.io.sequences.prefetch import Prefetch
from mapper.io.sequences.sequence import Sequence
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.run.directory import RunDirectory
from mapper.run.outputs import remove_later_files, write_outputs
from mapper.run.recorder import RunRecorder
from mapper.run.recording_parts import set_recording_aside
from mapper.runtime.interruption import Interruption
from mapper.saved.map import load_decisions, load_graph
from mapper.slam.mapper import Mapper
from mapper.slam.progress import NullProgress, Progress


@dataclass(frozen=True, slots=True)
class RunOptions:
    """viewer: where to show the map live. resume: carry on an interrupted run.

    save_predictions: keep every prediction, for the frontend replay. save_recording: write
    run.rrd. connect: address of a viewer that runs already. say: told where the web viewer is.
    """

    viewer: Literal["none", "window", "web"] = "none"
    resume: bool = False
    save_predictions: bool = False
    save_recording: bool = True
    connect: str | None = None
    say: Callable[[str], None] | None = None


def run_sequence(
    sequence: Sequence,
    frontend: Frontend,
    config: MapperConfig,
    run: RunDirectory,
    options: RunOptions,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Map a whole sequence; returns the metrics that are also in metrics.json.

    Ctrl-C ends the sequence early; everything seen so far is written and --resume carries on.
    """
    started = time.perf_counter()
    past = _read_past(run) if options.resume else None
    remove_later_files(run)
    show = _open_logger(sequence, config, run, options)
    recorder = RunRecorder(
        run, config.recording, show, past.journal_bytes if past else 0, options.save_predictions
    )
    mapper = Mapper(config, frontend=frontend, recorder=recorder, store=run.keyframes)
    if past is not None:
        mapper.restore(past.keyframes, past.edges, past.checkpoint, sequence.__getitem__)
        mapper.decisions += past.decisions
        recorder.resume(past.keyframes)
    first = past.next_frame if past else 0
    prepare = frontend.prepare if isinstance(frontend, PreparingFrontend) else None
    with (
        Interruption() as interruption,
        Prefetch(sequence, first, prepare=prepare) as frames,
        progress or NullProgress() as bar,
    ):
        bar.begin(first)
        for item in frames:
            if isinstance(item, InputError):
                mapper.skip(item)
            else:
                mapper.step(item)
            bar.update(mapper)
            if interruption.requested:
                break
    result = mapper.finish()
    if result.keyframes == 0:
        raise InputError(_nothing_mapped(sequence, mapper))
    seconds = time.perf_counter() - started
    return write_outputs(
        run, sequence, result, mapper.stopwatch, show, seconds, interruption.requested
    )


@dataclass(frozen=True, slots=True)
class _Past:
    """What an interrupted run had settled, and the frame to go on with."""

    checkpoint: dict[str, Any]
    keyframes: list[Keyframe]
    edges: list[Edge]
    decisions: list[LoopDecision]

    @property
    def next_frame(self) -> int:
        return int(self.checkpoint["next_frame"])

    @property
    def journal_bytes(self) -> int:
        return int(self.checkpoint["journal_bytes"])


def _read_past(run: RunDirectory) -> _Past | None:
    """All of it is read before anything of the old run is touched; None where there is nothing."""
    checkpoint = run.read_json(run.checkpoint)
    if not checkpoint:
        return None
    end = int(checkpoint["journal_bytes"])
    return _Past(checkpoint, *load_graph(run, end), load_decisions(run, end))


def _nothing_mapped(sequence: Sequence, mapper: Mapper) -> str:
    counts = mapper.counts
    if counts.skipped == counts.frames and mapper.skip_reason is not None:
        return f"{sequence.path}: not one frame could be read; the first: {mapper.skip_reason}"
    return (
        f"{sequence.path}: not one of {counts.frames} frames could be placed, so there is no map; "
        "is there depth in the depth images, and is the depth scale right?"
    )


def _open_logger(
    sequence: Sequence, config: MapperConfig, run: RunDirectory, options: RunOptions
) -> MapLogger:
    from mapper.io.viewer.rerun_logger import RerunLogger

    if options.resume and options.save_recording:
        set_recording_aside(run)
    if not options.save_recording and options.viewer == "none" and options.connect is None:
        return NullLogger()
    show = RerunLogger(
        run.recording if options.save_recording else None,
        options.viewer,
        recording_id=run.path.name,
        ground_truth=sequence.ground_truth,
        image_every=config.recording.image_every,
        connect=options.connect,
    )
    if options.say is not None and show.url is not None:
        options.say(f"viewer: {show.url}")
        options.say(f"to look from another machine, there first: {show.tunnel}")
    return show


def check_same_input(run: RunDirectory, fingerprint: str, config: dict[str, Any]) -> None:
    """Refuse to resume a run with another sequence or other settings."""
    description = run.read_description()
    if description["sequence"]["fingerprint"] != fingerprint:
        raise InputError(
            f"{run.path} was made from another sequence ({description['sequence']['path']}): "
            "resume with that one, or start anew with --overwrite"
        )
    stored = from_mapping(MapperConfig, description["config"])
    if to_mapping(stored) != config:
        raise ConfigError(
            f"{run.path} was made with other settings: leave out --config, --set and --frontend "
            "to resume with its own"
        )

"""Maps a sequence into a run directory: the main loop and what surrounds it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Literal

from mapper.config import MapperConfig
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend, PreparingFrontend
from mapper.io.map_logger import MapLogger
from mapper.io.prefetch import Prefetch
from mapper.io.sequence import Sequence
from mapper.mapping import Mapper
from mapper.progress import NullProgress, Progress
from mapper.run_directory import RunDirectory
from mapper.run_outputs import write_outputs
from mapper.run_recorder import RunRecorder
from mapper.saved_map import load_decisions, load_graph

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """viewer: where to show the map live. resume: carry on an interrupted run.

    save_predictions: keep every prediction, for the frontend replay.
    """

    viewer: Literal["none", "window", "web"] = "none"
    resume: bool = False
    save_predictions: bool = False


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
    checkpoint = run.read_json(run.checkpoint) if options.resume else {}
    show = _open_logger(sequence, config, run, options)
    recorder = RunRecorder(
        run,
        config.recording,
        show,
        checkpoint.get("journal_bytes", 0),
        options.save_predictions,
    )
    mapper = Mapper(config, frontend=frontend, recorder=recorder, store=run.keyframes)
    first = _resume(mapper, sequence, run, checkpoint) if checkpoint else 0
    interrupted = False
    prepare = frontend.prepare if isinstance(frontend, PreparingFrontend) else None
    with (
        Prefetch(sequence, first, prepare=prepare) as frames,
        progress or NullProgress() as bar,
    ):
        try:
            for item in frames:
                if isinstance(item, InputError):
                    logger.warning("frame skipped: %s", item)
                    mapper.skip(item)
                else:
                    mapper.step(item)
                bar.update(mapper)
        except KeyboardInterrupt:
            interrupted = True
    result = mapper.finish()
    seconds = time.perf_counter() - started
    metrics = write_outputs(run, sequence, result, mapper.stopwatch, show, seconds, interrupted)
    show.close()
    return metrics


def _resume(
    mapper: Mapper, sequence: Sequence, run: RunDirectory, checkpoint: dict[str, Any]
) -> int:
    """Hand the mapper what the interrupted run had settled; returns the frame to go on with."""
    keyframes, edges = load_graph(run, checkpoint["journal_bytes"])
    mapper.restore(keyframes, edges, checkpoint, sequence.__getitem__)
    mapper.decisions += load_decisions(run, checkpoint["journal_bytes"])
    return int(checkpoint["next_frame"])


def _open_logger(
    sequence: Sequence, config: MapperConfig, run: RunDirectory, options: RunOptions
) -> MapLogger:
    from mapper.io.rerun_logger import RerunLogger

    path = run.recording
    if options.resume and path.exists():
        # A recording cannot be continued; the part before the interruption is kept beside it.
        part = sum(1 for _ in run.path.glob("run.part*.rrd"))
        path.rename(run.path / f"run.part{part}.rrd")
    return RerunLogger(
        path,
        options.viewer,
        recording_id=run.path.name,
        ground_truth=sequence.ground_truth,
        image_every=config.recording.image_every,
    )


def check_same_input(run: RunDirectory, fingerprint: str, config: dict[str, Any]) -> None:
    """Refuse to resume a run with another sequence or other settings."""
    description = run.read_description()
    if description["sequence"]["fingerprint"] != fingerprint:
        raise InputError(
            f"{run.path} was made from another sequence ({description['sequence']['path']}): "
            "resume with that one, or start anew with --overwrite"
        )
    if description["config"] != config:
        raise ConfigError(
            f"{run.path} was made with other settings: leave out --config, --set and --frontend "
            "to resume with its own"
        )

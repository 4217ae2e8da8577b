"""Carries on a run in a new process: a sequence's exactly, a camera's in a segment of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.config.loader import from_mapping, to_mapping
from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.errors import ConfigError, InputError
from mapper.request import RunRequest
from mapper.run.description import LIVE
from mapper.run.directory import RunDirectory
from mapper.run.journal import whole_lines
from mapper.run.outputs import remove_later_files
from mapper.run.recording_parts import set_recording_aside
from mapper.saved.map import load_decisions, load_graph
from mapper.saved.results import known_counts
from mapper.slam.mapper import Mapper
from mapper.slam.result import FrameCounts

SETTLED: Final = ("keyframe", "visit")  # the journal's events: closed, culled
OF_THE_FRAMES: Final = ("start", "stride", "max_frames")


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier run had settled.

    checkpoint: counts of frames, the frontend's memory or None where it is gone, next_frame, and
    journal_bytes: length of the journal then. What was written after that is done again, or
    follows from the graph. decisions: about loops; of a live run they stay in the journal.
    """

    checkpoint: dict[str, Any]
    keyframes: list[Keyframe]
    edges: list[Edge]
    decisions: list[LoopDecision] = field(default_factory=list)

    @property
    def next_frame(self) -> int:
        """Index of the first frame that was not settled."""
        return int(self.checkpoint["next_frame"])

    @property
    def journal_bytes(self) -> int:
        """Length of the journal when that frame was due."""
        return int(self.checkpoint["journal_bytes"])

    @property
    def counts(self) -> FrameCounts:
        """Of the frames before it."""
        return FrameCounts(**self.checkpoint["counts"])

    @property
    def last_timestamp(self) -> float:
        """Seconds; of the last frame in the map."""
        return self.keyframes[-1].frames[-1].timestamp

    def restore(self, mapper: Mapper, read_frame: Callable[[int], Frame] | None = None) -> None:
        """read_frame: None where the frames are gone; what comes then begins a segment."""
        mapper.restore(self.keyframes, self.edges, self.checkpoint, read_frame)
        mapper.decisions += self.decisions


def reopen(path: Path) -> RunDirectory:
    """The run directory of an earlier live run. Raises InputError where it is none."""
    run = RunDirectory.open(path)
    sequence = run.read_description()["sequence"]
    if sequence["kind"] != LIVE:
        raise InputError(
            f"{path} is no live run: carry on with mapper run {sequence['path']} --out {path} "
            "--resume, or choose another folder with --out"
        )
    return run


def as_before(request: RunRequest, run: RunDirectory) -> RunRequest:
    """The request with the frames and cameras of the run that is to be resumed.

    They need not be given again; given otherwise, they are refused.
    """
    stored = run.read_description()["sequence"]
    calibration = stored["calibration"]
    before = {
        **{name: stored[name] for name in OF_THE_FRAMES},
        "calib": Path(calibration) if calibration else None,
    }
    unset = RunRequest(sequence=request.sequence)
    for name, value in before.items():
        given = getattr(request, name)
        if given not in (getattr(unset, name), value):
            raise ConfigError(
                f"{run.path} was made with --{name.replace('_', '-')} {value}, not {given}: "
                "leave the option out to resume"
            )
    more = {"registration": stored["registration"], "topics": stored.get("topics")}
    return replace(
        request, **before, **more, save_predictions=stored.get("save_predictions", False)
    )


def settings_of(run: RunDirectory, asked: MapperConfig, was_asked: bool) -> MapperConfig:
    """The run's own settings, its frontend by name. Others that were asked for are refused."""
    description = run.read_description()
    stored = from_mapping(MapperConfig, description["config"])
    config = asked if was_asked else stored
    if to_mapping(stored) != to_mapping(config):
        raise ConfigError(
            f"{run.path} was made with other settings: leave out --config, --set and --frontend "
            "to resume with its own"
        )
    return replace(config, frontend=description["frontend"])


def check_same_frames(run: RunDirectory, fingerprint: str) -> None:
    """Refuse to resume a run with another sequence. fingerprint: of the one that is given."""
    sequence = run.read_description()["sequence"]
    if sequence["fingerprint"] != fingerprint:
        raise InputError(
            f"{run.path} was made from another sequence ({sequence['path']}): "
            "resume with that one, or start anew with --overwrite"
        )


def read_past(run: RunDirectory) -> Past | None:
    """As of the last checkpoint. All of it is read before anything of the old run is touched;
    None where there is nothing."""
    checkpoint = run.read_json(run.checkpoint)
    if not checkpoint:
        return None
    end = int(checkpoint["journal_bytes"])
    return Past(checkpoint, *load_graph(run, end), load_decisions(run, end))


def read_live_past(run: RunDirectory) -> Past | None:
    """Up to the last closed keyframe, or to the checkpoint if that is later. Frames after it are
    lost where the run was killed; None where nothing was mapped."""
    vouched = int(run.read_json(run.checkpoint).get("journal_bytes", 0))
    end = max(vouched, _end_of_keyframes(run.journal))
    if end == 0:
        return None
    keyframes, edges = load_graph(run, end)
    load_decisions(run, end)  # they are told of at the end, when it would be late to refuse them
    counts = known_counts(run, keyframes[-1].frames[-1].frame_index + 1)
    checkpoint = {
        "counts": asdict(counts),
        "frontend": None,
        "next_frame": counts.frames,
        "journal_bytes": end,
    }
    return Past(checkpoint, keyframes, edges)


def set_aside(run: RunDirectory, past: Past | None, records: bool = True) -> None:
    """Leave nothing that passes for the outcome of the run that now begins.

    records: it writes a recording; that of the part before is kept beside it.
    """
    if past is not None:
        run.write_json(run.checkpoint, past.checkpoint, indent=None)
    run.metrics.unlink(missing_ok=True)
    remove_later_files(run)
    if records:
        set_recording_aside(run)


def _end_of_keyframes(journal: Path) -> int:
    """Bytes up to the end of the last whole line of a keyframe that was closed or culled."""
    return max((end for _, _, end in whole_lines(journal, *SETTLED)), default=0)

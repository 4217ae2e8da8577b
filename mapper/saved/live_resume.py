"""Carries on a live run in a new process: what was mapped is there again, its frames are not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.config.loader import from_mapping, to_mapping
from mapper.config.settings import MapperConfig
from mapper.errors import InputError
from mapper.pipeline import check_same_input
from mapper.run.directory import RunDirectory
from mapper.run.journal import whole_lines
from mapper.run.outputs import remove_later_files
from mapper.run.recording_parts import set_recording_aside
from mapper.saved.map import load_decisions, load_graph
from mapper.saved.results import known_counts
from mapper.slam.mapper import FrameCounts, Mapper

SETTLED: Final = ("keyframe", "visit")  # the journal's events: closed, let go
LIVE: Final = "live"  # kind and fingerprint of the input, in run.yaml


@dataclass(frozen=True, slots=True)
class LivePast:
    """What an earlier live run had settled. counts: of its frames.

    journal_bytes: length of its journal with the last closed keyframe, and with the checkpoint if
    that is later. What a finished run wrote after that follows from the graph.
    """

    keyframes: list[Keyframe]
    edges: list[Edge]
    counts: FrameCounts
    journal_bytes: int

    @property
    def last_timestamp(self) -> float:
        """Seconds; of the last frame in the map."""
        return self.keyframes[-1].frames[-1].timestamp

    @property
    def checkpoint(self) -> dict[str, Any]:
        return {
            "counts": asdict(self.counts),
            "frontend": None,
            "next_frame": self.counts.frames,
            "journal_bytes": self.journal_bytes,
        }

    def restore(self, mapper: Mapper) -> None:
        """What comes begins a segment, as no frame of the past can be tracked against."""
        mapper.restore(self.keyframes, self.edges, self.checkpoint, None)


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


def settings_of(run: RunDirectory, asked: MapperConfig, was_asked: bool) -> MapperConfig:
    """The run's own settings, its frontend by name. Others that were asked for are refused."""
    description = run.read_description()
    config = asked if was_asked else from_mapping(MapperConfig, description["config"])
    check_same_input(run, LIVE, to_mapping(config))
    return replace(config, frontend=description["frontend"])


def read_past(run: RunDirectory) -> LivePast | None:
    """All of it is read before anything of the old run is touched; None where nothing was mapped.

    Frames after the last closed keyframe are lost where the run was killed.
    """
    vouched = int(run.read_json(run.checkpoint).get("journal_bytes", 0))
    end = max(vouched, _end_of_keyframes(run.journal))
    if end == 0:
        return None
    keyframes, edges = load_graph(run, end)
    load_decisions(run, end)  # they are told of at the end, when it would be late to refuse them
    counts = known_counts(run, keyframes[-1].frames[-1].frame_index + 1)
    return LivePast(keyframes, edges, counts, end)


def set_aside(run: RunDirectory, past: LivePast | None) -> None:
    """Leave nothing that passes for the outcome of the run that now begins.

    The recording of the part before is kept beside the new one.
    """
    if past is not None:
        run.write_json(run.checkpoint, past.checkpoint, indent=None)
    run.metrics.unlink(missing_ok=True)
    remove_later_files(run)
    set_recording_aside(run)


def _end_of_keyframes(journal: Path) -> int:
    """Bytes up to the end of the last whole line of a keyframe that was closed or let go."""
    return max((end for _, _, end in whole_lines(journal, *SETTLED)), default=0)

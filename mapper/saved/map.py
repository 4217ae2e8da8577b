"""A map read back from its run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.core.settings_model import from_mapping
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.run.journal import read_journal
from mapper.run.records import (
    decision_from_record,
    edge_from_record,
    keyframe_from_record,
    visit_from_record,
)


@dataclass(frozen=True, slots=True)
class SavedMap:
    """keyframes: of the connected map, in order. poses: S_world_keyframe by keyframe id.

    corrections, pairs: of the global alignment, see backend/settlement.py; empty without one.
    left_out: keyframes that have a place but whose maps could not be read when it was aligned.
    """

    keyframes: list[Keyframe]
    poses: dict[int, np.ndarray]
    corrections: dict[int, np.ndarray] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)

    @property
    def fused_poses(self) -> dict[int, np.ndarray]:
        """Of the keyframes whose maps are part of the mesh."""
        return {k: S for k, S in self.poses.items() if k not in self.left_out}


def load_graph(
    run: RunDirectory, max_bytes: int | None = None, damaged: list[int] | None = None
) -> tuple[list[Keyframe], list[Edge]]:
    """Closed keyframes and the edges between them, from the journal.

    damaged: takes the ids of keyframes whose files cannot be read, which then have no features;
    without it they raise InputError.
    """
    lines = read_journal(run.journal, max_bytes)
    with _of_this_version(run):
        visits = [line for line in lines if line["event"] == "visit"]
        released = {line["id"] for line in visits}
        records = {line["id"]: line for line in lines if line["event"] == "keyframe"}
        keyframes = [
            keyframe_from_record(line, run.keyframes, damaged)
            for line in records.values()
            if line["id"] not in released
        ]
        by_id = {keyframe.id: keyframe for keyframe in keyframes}
        for line in visits:
            by_id[line["anchor"]].visits.append(visit_from_record(line, records[line["id"]]))
        edges = [edge_from_record(record) for line in lines for record in _edge_records(line)]
    known = {k.id for k in keyframes}
    latest = {(e.i, e.j, e.kind): e for e in edges}  # an alignment replaces edges
    return keyframes, [e for e in latest.values() if e.i in known and e.j in known]


def _edge_records(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Edges that a line of the journal tells of; a later one replaces an earlier one."""
    if line["event"] == "visit":
        return list(line["edges"])
    return [line] if line["event"] == "edge" else []


def load_decisions(run: RunDirectory, max_bytes: int | None = None) -> list[LoopDecision]:
    """Every decision about a loop, from the journal."""
    lines = read_journal(run.journal, max_bytes, "decision")
    with _of_this_version(run):
        return [decision_from_record(line) for line in lines if line["kind"] == EdgeKind.LOOP]


def load_map(run: RunDirectory) -> SavedMap:
    """The final poses of a finished run; those of an interrupted one are optimised here."""
    damaged: list[int] = []
    keyframes, edges = load_graph(run, damaged=damaged)
    if not keyframes:
        raise InputError(f"{run.path}: this run has no keyframes yet, so there is no map in it")
    for line in reversed(read_journal(run.journal)):
        if line["event"] == "poses":
            with _of_this_version(run):
                saved = _settled(keyframes, line)
            _refuse_damaged(run, set(damaged) - set(saved.left_out))
            return saved
    _refuse_damaged(run, set(damaged))
    stored = run.read_description()["config"]["backend"]
    backend = Backend(from_mapping(BackendConfig, stored), run.keyframes)
    backend.restore(keyframes, edges, fuse=False)
    backend.graph.optimise(final=True)
    main = backend.main_keyframes()
    return SavedMap(main, {k.id: backend.graph.poses[k.id] for k in main})


def _settled(keyframes: list[Keyframe], line: dict[str, Any]) -> SavedMap:
    """The map as a journal's line of poses says."""
    poses = {int(k): np.array(S).reshape(4, 4) for k, S in line["poses"].items()}
    grids = {int(k): np.array(grid) for k, grid in line["corrections"].items()}
    pairs = [(i, j) for i, j in line["pairs"]]
    left_out = [int(k) for k in line["left_out"]]
    return SavedMap([k for k in keyframes if k.id in poses], poses, grids, pairs, left_out)


@contextmanager
def _of_this_version(run: RunDirectory) -> Iterator[None]:
    """A key that is missing from a line is one error that says so."""
    try:
        yield
    except KeyError as error:
        raise InputError(
            f"{run.journal}: written by another version of mapper (there is no {error}); run the "
            "sequence again"
        ) from error


def _refuse_damaged(run: RunDirectory, damaged: set[int]) -> None:
    """Raise InputError where keyframes cannot be read that the map holds."""
    if damaged:
        raise InputError(
            f"{run.keyframes.path(min(damaged))}: the keyframe cannot be read; run mapper align "
            f"{run.path} to leave it out, or the sequence again with --overwrite"
        )

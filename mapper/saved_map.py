"""A map read back from its run directory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.backend.backend import Backend, BackendConfig
from mapper.backend.edge import Edge
from mapper.backend.keyframe import Keyframe
from mapper.backend.loop_closer import LoopDecision
from mapper.config_loader import from_mapping
from mapper.errors import InputError
from mapper.journal import read_journal
from mapper.map_record import decision_from_record, edge_from_record, keyframe_from_record
from mapper.run_directory import RunDirectory


@dataclass(frozen=True, slots=True)
class SavedMap:
    """keyframes: of the connected map, in order. poses: T_world_keyframe by keyframe id."""

    keyframes: list[Keyframe]
    poses: dict[int, np.ndarray]


def load_graph(
    run: RunDirectory, max_bytes: int | None = None
) -> tuple[list[Keyframe], list[Edge]]:
    """Closed keyframes and the edges between them, from the journal."""
    lines = read_journal(run.journal, max_bytes)
    keyframes = [
        keyframe_from_record(line, run.keyframes) for line in lines if line["event"] == "keyframe"
    ]
    edges = [edge_from_record(line) for line in lines if line["event"] == "edge"]
    known = {k.id for k in keyframes}
    return keyframes, [e for e in edges if e.i in known and e.j in known]


def load_decisions(run: RunDirectory, max_bytes: int | None = None) -> list[LoopDecision]:
    """Every decision about a pair of keyframes, from the journal."""
    lines = read_journal(run.journal, max_bytes)
    return [decision_from_record(line) for line in lines if line["event"] == "decision"]


def load_map(run: RunDirectory) -> SavedMap:
    """The final poses of a finished run; those of an interrupted one are optimised here."""
    keyframes, edges = load_graph(run)
    if not keyframes:
        raise InputError(f"{run.path}: this run has no keyframes yet, so there is no map in it")
    for line in reversed(read_journal(run.journal)):
        if line["event"] == "poses":
            poses = {int(k): np.array(T).reshape(4, 4) for k, T in line["poses"].items()}
            return SavedMap([k for k in keyframes if k.id in poses], poses)
    stored = run.read_description()["config"]["backend"]
    backend = Backend(from_mapping(BackendConfig, stored), run.keyframes)
    backend.restore(keyframes, edges, fuse=False)
    backend.graph.optimise(final=True)
    main = backend.main_keyframes()
    return SavedMap(main, {k.id: backend.graph.poses[k.id] for k in main})

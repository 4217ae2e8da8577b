"""Joins runs into one map; merged_outputs.py writes it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import contradicted_loops, fused_map
from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.doubt import SelfDoubt, doubt
from mapper.backend.sessions.contradictions import Compared, surfaces_compared
from mapper.backend.sessions.encounters import EncounterSearch
from mapper.backend.sessions.joining import JoinedSessions, cull, joined
from mapper.backend.sessions.meeting import Meeting
from mapper.core.mesh import Mesh
from mapper.core.sim3 import scale_of
from mapper.localization.landmarks import Landmarks
from mapper.merging.keyframe_store import MergedKeyframes
from mapper.merging.meeting_runs import common_features, maps_of, meet
from mapper.merging.refusal import refuse_contradiction, refuse_strangers
from mapper.merging.sessions import MergedRun
from mapper.merging.sightings import sighted_edges
from mapper.runtime.workers import Workers
from mapper.saved.results import backend_settings_of
from mapper.vision.matching import FeatureMatcher

# Share of the points of which two sessions both say something, on which they must agree.
MIN_AGREEMENT: Final = 0.6

Say = Callable[[str], None]
HERE: Final = Workers()


@dataclass(frozen=True, slots=True, eq=False)
class MergedMap:
    """runs: the first one's world is the map's. joint: the graph. final: the map at its optimum.
    met: what every two runs have in common by their looks. scales: of each run's units in those of
    the map. compared: surfaces of every two, by their numbers. seconds: what all of it took."""

    runs: list[MergedRun]
    joint: JoinedSessions
    final: GlobalMap
    mesh: Mesh
    config: BackendConfig
    met: list[Meeting]
    scales: list[float]
    compared: dict[tuple[int, int], Compared]
    doubt: SelfDoubt
    keyframes: MergedKeyframes
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class PlacedRuns:
    """Runs in one world. joint: the graph of all their keyframes, at its optimum. met, scales,
    compared: as of a MergedMap. maps: of all keyframes. matcher: of their features."""

    joint: JoinedSessions
    met: list[Meeting]
    scales: list[float]
    compared: dict[tuple[int, int], Compared]
    maps: MapCache
    matcher: FeatureMatcher


def merge(
    runs: Sequence[MergedRun],
    config: BackendConfig,
    say: Say = lambda line: None,
    workers: Workers = HERE,
) -> MergedMap:
    """One map of all runs. config: how they are compared, joined and fused.

    say: is told what is done. workers: who compares runs. Raises InputError, with what was tried
    and what failed, where they do not overlap or contradict each other.
    """
    started = time.perf_counter()
    store = MergedKeyframes(runs)
    placed = place(runs, store, config, say, workers)
    joint = placed.joint
    cull(joint, [each.session for each in runs], placed.maps, config)
    final = map_of_runs(runs, joint.keyframes, joint.graph.poses)
    final = replace(final, dropped_loops=contradicted_loops(joint.graph))
    source = final.maps_to_fuse(config.refinement, store.load_recorded)
    mesh = fused_map(final, config.fusion, source).extract_mesh()
    doubts = doubt(final, joint.graph, placed.maps, placed.matcher, config.edges.alignment)
    seconds = time.perf_counter() - started
    found = placed.met, placed.scales, placed.compared
    return MergedMap(list(runs), joint, final, mesh, config, *found, doubts, store, seconds)


def place(
    runs: Sequence[MergedRun],
    store: MergedKeyframes,
    config: BackendConfig,
    say: Say = lambda line: None,
    workers: Workers = HERE,
) -> PlacedRuns:
    """All runs in one world, by verified pairs of keyframes; see merge."""
    sessions = [each.session for each in runs]
    maps = maps_of(runs, store, config)
    matcher = common_features(runs, maps)
    search = EncounterSearch(maps, config.loops, config.edges, matcher)
    met, S_world_session = meet(runs, search, config, workers, say)
    if strangers := [n for n in range(len(runs)) if n not in S_world_session]:
        refuse_strangers(runs, met, strangers)
    joint = joined(sessions, met, S_world_session, search, config)
    _add_sightings(runs, joint, store, maps, matcher)
    compared = _compared(runs, joint, maps)
    for pair, found in compared.items():
        if found.agreeing + found.conflicting and found.share < MIN_AGREEMENT:
            refuse_contradiction(runs, pair, found, MIN_AGREEMENT)
    return PlacedRuns(joint, met, _scales(runs, joint), compared, maps, matcher)


def _add_sightings(
    runs: Sequence[MergedRun],
    joint: JoinedSessions,
    store: MergedKeyframes,
    maps: MapCache,
    matcher: FeatureMatcher,
) -> None:
    """Keyframes of networks' runs placed by their pixels in what depth cameras measured."""
    measured, others = list[MergedRun](), list[MergedRun]()
    for each in runs:
        levels = (maps.coarse(keyframe.id) for keyframe in each.session.readable)
        is_measured = each.session.is_metric and all(level.noise.is_measured for level in levels)
        (measured if is_measured else others).append(each)
    if not measured or not others:
        return
    poses = joint.graph.poses
    seen = map_of_runs(measured, [k for each in measured for k in each.session.readable], poses)
    landmarks = Landmarks(seen, store.load_recorded, matcher)
    keyframes = [keyframe for each in others for keyframe in each.session.readable]
    found = list(sighted_edges(landmarks, keyframes, poses, store.load_recorded))
    for edge in found:
        joint.graph.add_edge(edge)
    joint.edges += found
    joint.graph.optimise(final=True)


def merging_config(runs: Sequence[MergedRun], changes: Sequence[str] = ()) -> BackendConfig:
    """Settings of the first run. changes: made to them, like "loops.min_overlap=0.3"."""
    if not changes:
        return backend_settings_of(runs[0].run)
    return runs[0].run.read_description().backend_settings(changes)


def _compared(
    runs: Sequence[MergedRun], joint: JoinedSessions, maps: MapCache
) -> dict[tuple[int, int], Compared]:
    ids = [[keyframe.id for keyframe in each.session.readable] for each in runs]
    return {
        (a, b): surfaces_compared(ids[a], ids[b], joint.graph.poses, maps)
        for a, b in itertools.combinations(range(len(runs)), 2)
    }


def _scales(runs: Sequence[MergedRun], joint: JoinedSessions) -> list[float]:
    """The middle of what became of its keyframes' scales."""
    return [
        float(
            np.median(
                [
                    scale_of(joint.graph.poses[k]) / scale_of(S)
                    for k, S in each.session.poses.items()
                ]
            )
        )
        for each in runs
    ]


def map_of_runs(
    runs: Sequence[MergedRun], keyframes: list[Keyframe], poses: Mapping[int, np.ndarray]
) -> GlobalMap:
    """Keyframes of the runs where they are in one world, with what alignments of the single runs
    made of their depth."""
    kept = {keyframe.id for keyframe in keyframes}
    corrections: dict[int, np.ndarray] = {}
    pairs: list[tuple[int, int]] = []
    left_out: list[int] = []
    for each in runs:
        added = each.shift.keyframes
        corrections |= {k + added: grid for k, grid in each.saved.corrections.items()}
        pairs += [(i + added, j + added) for i, j in each.saved.pairs]
        left_out += sorted(each.session.left_out)
    return GlobalMap(
        keyframes,
        {k.id: poses[k.id] for k in keyframes},
        {k: grid for k, grid in corrections.items() if k in kept},
        [(i, j) for i, j in pairs if i in kept and j in kept],
        [k for k in left_out if k in kept],
    )

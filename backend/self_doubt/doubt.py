"""What a settled map itself says against being right: it is asked once, when all frames are in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.doubtful_stretches import (
    DoubtfulStretch,
    Evidence,
    SecondLook,
    Told,
    doubtful_stretches,
)
from mapper.backend.self_doubt.edge_conflicts import EdgeConflicts, edge_conflicts
from mapper.backend.self_doubt.leaps import Leap, leaps
from mapper.backend.self_doubt.loose_stretches import LooseStretch, loose_stretches
from mapper.backend.self_doubt.match_conflicts import MatchConflict, match_conflicts
from mapper.backend.self_doubt.place_knowledge import PlaceKnowledge, place_knowledge
from mapper.backend.self_doubt.strained_loops import StrainedLoop, strained_loops
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict, surface_conflicts
from mapper.backend.self_doubt.unconfirmed_joins import UnconfirmedJoin, unconfirmed_joins
from mapper.vision.dense_alignment import AlignmentConfig
from mapper.vision.matching import FeatureMatcher

# Measured by tools/measures/self_doubt.py; docs/evaluation.md has the table.
CONTRADICTS: Final = 0.12  # score of a pair of keyframes from which on it speaks against the map
BASELINE: Final = 3.0  # times what keyframes that follow each other score: the camera's own noise,
MAX_BASELINE: Final = 0.2  # but so much is wrong with any camera
AGREES: Final = 0.5  # of that, up to which a pair speaks for it
GIVEN_UP: Final = 30  # edges at most that features are asked about
TORN: Final = 0.1  # share of the graph's edges contradicted by its own optimum, and
MIN_TORN: Final = 3  # their number, from which on the graph was pulled apart


@dataclass(frozen=True, slots=True)
class SelfDoubt:
    """stretches: in the order of time; none of a map that does not contradict itself. pairs: of
    keyframes whose surfaces were compared. contradicting: of those, how many contradict, some of
    them for what moved. worst: the highest score. matched: pairs that matched features contradict.
    unconfirmed: gaps after which surfaces alone say where the camera is. edges: of the graph
    against its optimum. places: how well a network's map knows where its cameras are; None of
    others and of maps too large to ask. loose: what contradicts nothing, but is known
    badly. strained: loops that claim too little to hold the graph, and are left by far. leaps: into
    places that others look like."""

    stretches: tuple[DoubtfulStretch, ...]
    pairs: int
    contradicting: int
    worst: float
    matched: tuple[MatchConflict, ...]
    unconfirmed: tuple[UnconfirmedJoin, ...]
    edges: EdgeConflicts
    places: PlaceKnowledge | None = None
    loose: tuple[LooseStretch, ...] = ()
    strained: tuple[StrainedLoop, ...] = ()
    leaps: tuple[Leap, ...] = ()


def doubt(
    final: GlobalMap,
    graph: PoseGraph,
    maps: MapCache,
    matcher: FeatureMatcher,
    alignment: AlignmentConfig,
) -> SelfDoubt:
    """alignment: for the second look.

    Surfaces and features are asked of depth cameras alone: the depth of a network is warped by
    more than what two views of a wrong map differ by.
    """
    poses = final.fused_poses
    edges = edge_conflicts(graph, poses)
    surfaces: list[SurfaceConflict] = []
    matched: list[MatchConflict] = []
    unconfirmed: list[UnconfirmedJoin] = []
    places: PlaceKnowledge | None = None
    loose: list[LooseStretch] = []
    strained: list[StrainedLoop] = []
    leapt: list[Leap] = []
    if _is_measured(final, maps):
        surfaces = surface_conflicts(poses, maps)
        pairs = _pairs_to_match(final, edges)
        matched = match_conflicts(pairs, poses, maps, matcher, alignment)
        unconfirmed = unconfirmed_joins(final, surfaces, matcher, graph.edges)
        loose = loose_stretches(final, graph)
        strained = strained_loops(final, graph)
        leapt = leaps(final, graph.edges)
    elif not any(edge.kind == EdgeKind.ADJUSTED for edge in graph.edges):
        places = place_knowledge(final, [e for e in graph.edges if graph.is_inlier(e)])
    limit = max(CONTRADICTS, min(BASELINE * _baseline(surfaces, poses), MAX_BASELINE))
    against = [each for each in surfaces if each.score >= limit]
    agreeing = [(each.i, each.j) for each in surfaces if each.score <= AGREES * limit]
    told: list[Told] = [*matched, *(edges.contradicted if _is_torn(edges) else ())]
    evidence = Evidence(len(surfaces), agreeing, against, told)
    return SelfDoubt(
        tuple(doubtful_stretches(SecondLook(final, maps, matcher, alignment), evidence)),
        len(surfaces),
        len(against),
        max((each.score for each in surfaces), default=0.0),
        tuple(matched),
        tuple(unconfirmed),
        edges,
        places,
        tuple(loose),
        tuple(strained),
        tuple(leapt),
    )


def _is_measured(final: GlobalMap, maps: MapCache) -> bool:
    ids = list(final.fused_poses)
    return bool(ids) and maps.coarse(ids[0]).noise.is_measured


def _pairs_to_match(final: GlobalMap, edges: EdgeConflicts) -> list[tuple[Keyframe, Keyframe]]:
    """Keyframes that follow each other, and those of edges that the graph gave up: features tell
    whether it was the edge that was wrong."""
    by_id = {k.id: k for k in final.keyframes if k.id in final.fused_poses}
    chain = list(itertools.pairwise(by_id))
    given_up = [(each.i, each.j) for each in edges.contradicted if each.j > each.i + 1]
    ids = dict.fromkeys([*chain, *given_up[:GIVEN_UP]])
    return [(by_id[i], by_id[j]) for i, j in ids]


def _is_torn(edges: EdgeConflicts) -> bool:
    return len(edges.contradicted) >= max(MIN_TORN, TORN * edges.edges)


def _baseline(surfaces: Sequence[SurfaceConflict], poses: Mapping[int, np.ndarray]) -> float:
    """Median score of keyframes that follow each other, whose places differ little."""
    chain = set(itertools.pairwise(sorted(poses)))
    scores = [each.score for each in surfaces if (each.i, each.j) in chain]
    return float(np.median(scores)) if scores else 0.0

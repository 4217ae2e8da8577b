"""What a settled map itself says against being right: it is asked once, when all frames are in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.edge_conflicts import EdgeConflict, EdgeConflicts, edge_conflicts
from mapper.backend.self_doubt.second_look import Misplacement, look_again
from mapper.backend.self_doubt.sides import Pair, doubted_keyframes, stretches
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict, surface_conflicts
from mapper.core.sim3 import inverse_similarity
from mapper.vision.dense_alignment import AlignmentConfig
from mapper.vision.matching import FeatureMatcher

Contradiction = SurfaceConflict | EdgeConflict
# Measured by tools/measures/self_doubt.py; docs/evaluation.md has the table.
CONTRADICTS: Final = 0.12  # score of a pair of keyframes from which on it speaks against the map
BASELINE: Final = 3.0  # times what keyframes that follow each other score: the camera's own noise,
MAX_BASELINE: Final = 0.2  # but so much is wrong with any camera
AGREES: Final = 0.5  # of that, up to which a pair speaks for it
# Without a place where the views would fit, as where they share too little: at least so many pairs,
MIN_SEVERE: Final = 3
SEVERE: Final = 0.5  # and a median score of this, or this share of all that were compared: more
SEVERE_SHARE: Final = 0.25  # than what moves makes.
MIN_SHIFT: Final = 0.05  # units, or
MIN_TURN: Final = 2.0  # degrees: where views fit so near, the map is not wrong by what shows
LOOKED_AT: Final = 4  # pairs of a stretch that are aligned again
STRETCHES: Final = 4  # that are told of, those first that more contradicts
TORN: Final = 0.1  # share of the graph's edges contradicted by its own optimum, and
MIN_TORN: Final = 3  # their number, from which on the graph was pulled apart


@dataclass(frozen=True, slots=True)
class DoubtfulStretch:
    """Keyframes that others contradict. start, end, against: timestamps [s], of their first and
    last frame and of the view that contradicts most. pairs: that contradict. distance: units by
    which surfaces miss each other there, median. fit: where the views would fit, or what edges say
    of it; None where nothing was found.
    """

    start: float
    end: float
    against: float
    pairs: int
    distance: float
    fit: Misplacement | None


@dataclass(frozen=True, slots=True)
class SelfDoubt:
    """stretches: in the order of time; none of a map that does not contradict itself. pairs: of
    keyframes whose surfaces were compared. contradicting: of those, how many contradict, some of
    them for what moved. worst: the highest score. edges: of the graph against its optimum."""

    stretches: tuple[DoubtfulStretch, ...]
    pairs: int
    contradicting: int
    worst: float
    edges: EdgeConflicts


@dataclass(frozen=True, slots=True)
class _Asked:
    """The map that is doubted, who looks again, and how many pairs were compared."""

    final: GlobalMap
    maps: MapCache
    matcher: FeatureMatcher
    alignment: AlignmentConfig
    pairs: int


def doubt(
    final: GlobalMap,
    graph: PoseGraph,
    maps: MapCache,
    matcher: FeatureMatcher,
    alignment: AlignmentConfig,
) -> SelfDoubt:
    """alignment: for the second look.

    Surfaces are asked of depth cameras alone: the depth of a network is warped by more than what
    two views of a wrong map differ by.
    """
    poses = final.fused_poses
    surfaces = surface_conflicts(poses, maps) if _is_measured(final, maps) else []
    edges = edge_conflicts(graph, poses)
    baseline = min(BASELINE * _baseline(surfaces, poses), MAX_BASELINE)
    limit = max(CONTRADICTS, baseline)
    against = [each for each in surfaces if each.score >= limit]
    agreeing = [(each.i, each.j) for each in surfaces if each.score <= AGREES * limit]
    torn = list(edges.contradicted) if _is_torn(edges) else []
    asked = _Asked(final, maps, matcher, alignment, len(surfaces))
    return SelfDoubt(
        tuple(_stretches(asked, agreeing, against, torn)),
        len(surfaces),
        len(against),
        max((each.score for each in surfaces), default=0.0),
        edges,
    )


def _is_measured(final: GlobalMap, maps: MapCache) -> bool:
    ids = list(final.fused_poses)
    return bool(ids) and maps.coarse(ids[0]).noise.is_measured


def _is_torn(edges: EdgeConflicts) -> bool:
    return len(edges.contradicted) >= max(MIN_TORN, TORN * edges.edges)


def _baseline(surfaces: Sequence[SurfaceConflict], poses: Mapping[int, np.ndarray]) -> float:
    """Median score of keyframes that follow each other, whose places differ little."""
    chain = set(itertools.pairwise(sorted(poses)))
    scores = [each.score for each in surfaces if (each.i, each.j) in chain]
    return float(np.median(scores)) if scores else 0.0


def _stretches(
    asked: _Asked,
    agreeing: Sequence[Pair],
    against: Sequence[SurfaceConflict],
    torn: Sequence[EdgeConflict],
) -> list[DoubtfulStretch]:
    ids = sorted(asked.final.fused_poses)
    contradicting = _ends([*against, *torn])
    held = [pair for pair in agreeing if pair not in contradicting]
    doubted = doubted_keyframes(ids, held, sorted(contradicting))
    found = []
    for stretch in stretches(ids, doubted):
        members = set(stretch)
        surfaces = [each for each in against if _crosses(each, members)]
        edges = [each for each in torn if _crosses(each, members)]
        if surfaces or edges:
            found.append((members, surfaces, edges))
    found.sort(key=lambda each: -len(each[1]) - len(each[2]))
    told = (_judged(asked, *each) for each in found[:STRETCHES])
    return sorted((each for each in told if each is not None), key=lambda each: each.start)


def _ends(conflicts: Sequence[Contradiction]) -> set[Pair]:
    return {(each.i, each.j) for each in conflicts}


def _crosses(conflict: Contradiction, members: set[int]) -> bool:
    return (conflict.i in members) != (conflict.j in members)


def _judged(
    asked: _Asked,
    members: set[int],
    surfaces: Sequence[SurfaceConflict],
    edges: Sequence[EdgeConflict],
) -> DoubtfulStretch | None:
    """None where the second look finds the views where they belong."""
    by_id = {keyframe.id: keyframe for keyframe in asked.final.keyframes}
    surfaces = sorted(surfaces, key=lambda each: -each.score)
    worst, fit = _misplaced(asked, by_id, surfaces, edges)
    if fit is None and not _is_severe(surfaces, asked.pairs):
        return None
    other = by_id[worst.j if worst.i in members else worst.i]
    first, last = by_id[min(members)], by_id[max(members)]
    distance = float(np.median([each.distance for each in surfaces])) if surfaces else 0.0
    pairs = len(_ends([*surfaces, *edges]))
    return DoubtfulStretch(
        first.timestamp, last.frames[-1].timestamp, other.timestamp, pairs, distance, fit
    )


def _is_severe(surfaces: Sequence[SurfaceConflict], compared: int) -> bool:
    if len(surfaces) < MIN_SEVERE:
        return False
    median = np.median([each.score for each in surfaces])
    return bool(median >= SEVERE or len(surfaces) >= SEVERE_SHARE * compared)


def _misplaced(
    asked: _Asked,
    by_id: Mapping[int, Keyframe],
    surfaces: Sequence[SurfaceConflict],
    edges: Sequence[EdgeConflict],
) -> tuple[Contradiction, Misplacement | None]:
    """The first of the pairs that fits elsewhere, and where; else the first pair and None.

    surfaces: those that contradict most first. An edge says by itself where its keyframes fit.
    """
    poses = asked.final.poses
    for pair in surfaces[:LOOKED_AT]:
        S_i_j = inverse_similarity(poses[pair.i]) @ poses[pair.j]
        keyframes = by_id[pair.i], by_id[pair.j]
        fit = look_again(pair, keyframes, S_i_j, asked.maps, asked.alignment, asked.matcher)
        if fit is not None and (fit.shift >= MIN_SHIFT or fit.turn_deg >= MIN_TURN):
            return pair, fit
    if edges:
        return edges[0], Misplacement(edges[0].shift, edges[0].turn_deg)
    return surfaces[0], None

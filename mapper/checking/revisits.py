"""Do views of one place agree with where the map has them?

Pairs of keyframes are compared anew, whatever the graph made of them: those that the map says see
the same, and those that look alike, wherever the map has them. Matched features and dense alignment
say where the one is in the other; what that differs from the map is an error of the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.loops.loop_candidates import overlapping
from mapper.backend.loops.step_recovery import recognised_start
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.backend.self_doubt.surface_conflicts import conflict_of
from mapper.checking.finished_map import FinishedMap
from mapper.core.sim3 import inverse_similarity, log_sim3, scale_of
from mapper.vision.dense_alignment import align
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.place_index import PlaceIndex

NEIGHBOURS: Final = 4  # keyframes back up to which a shared view is no revisit
MAX_SHARED: Final = 6  # earlier keyframes that each is compared with, of those the map has it share
MIN_SHARED: Final = 0.15  # of the view
MAX_ALIKE: Final = 3  # of those that look alike
MAX_PAIRS: Final = 400
MIN_OVERLAP: Final = 0.15  # of points that agree where a pair was aligned, both ways
MIN_AGREEMENT: Final = 0.7  # of those that agree or conflict
FAR_OFF: Final = 0.05  # of the median depth
BESIDE: Final = 3  # keyframes
ALIKE_TURN: Final = 0.2  # radians


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keyframes i < j. steps: keyframes from one to the other. shift: units, turn: radians, and
    log_scale, from where the map has j in i to where the views have it. off: units by which a point
    at j's median depth is moved by that. conflict, apart: of the surfaces as the map has them, see
    SurfaceConflict; None where it has them share too little.
    """

    i: int
    j: int
    steps: int
    shift: float
    turn: float
    log_scale: float
    off: float
    conflict: float | None
    apart: float | None

    @property
    def is_revisit(self) -> bool:
        """Whether the camera was elsewhere in between."""
        return self.steps > NEIGHBOURS


@dataclass(frozen=True, slots=True)
class Compared:
    """pairs: those of which something can be said. unfit: pairs that the map has share a view,
    whose surfaces conflict and that fit nowhere near."""

    pairs: list[Comparison]
    unfit: list[tuple[int, int]]


def compare_revisits(each: FinishedMap) -> Compared:
    """Of all pairs of a finished map, at most MAX_PAIRS of them."""
    pairs = sorted(set(_sharing(each)) | set(_alike(each)))
    every = -(-len(pairs) // MAX_PAIRS) or 1
    found, unfit = [], []
    for i, j in pairs[::every]:
        compared = _compared(each, i, j)
        if compared is not None:
            found.append(compared)
        elif _conflicts(each, i, j):
            unfit.append((i, j))
    return Compared([pair for pair in found if _is_believed(each, pair, found)], unfit)


def _is_believed(each: FinishedMap, pair: Comparison, found: list[Comparison]) -> bool:
    """Two things may look alike: a pair that is far off needs another one beside it that is off
    by as much and turned as much."""
    if pair.off <= FAR_OFF * each.median_depth:
        return True
    number = each.order
    return any(
        other is not pair
        and max(abs(number[other.i] - number[pair.i]), abs(number[other.j] - number[pair.j]))
        <= BESIDE
        and pair.off / 2 < other.off < 2 * pair.off
        and abs(other.turn - pair.turn) <= ALIKE_TURN
        for other in found
    )


def _sharing(each: FinishedMap) -> Iterator[tuple[int, int]]:
    """By the map: the one before, and those that share most, near in time and far."""
    poses = each.saved.fused_poses
    before = None
    for j in poses:
        if before is not None:
            yield before, j
        before = j
        shared = [i for i in overlapping(j, poses, each.maps, MIN_SHARED) if i < j]
        far = [i for i in shared if each.order[j] - each.order[i] > NEIGHBOURS]
        near = [i for i in shared if i not in far]
        yield from ((i, j) for i in near[: MAX_SHARED // 2] + far[: MAX_SHARED // 2])


def _alike(each: FinishedMap) -> Iterator[tuple[int, int]]:
    """By place recognition, of keyframes that are no neighbours."""
    places = PlaceIndex()
    waiting: list[int] = []
    for j, keyframe in each.keyframes.items():
        descriptors = keyframe.features.descriptors
        if len(descriptors):
            yield from ((i, j) for i, _ in places.query(descriptors, MAX_ALIKE))
        waiting.append(j)
        if len(waiting) > NEIGHBOURS:
            i = waiting.pop(0)
            if len(each.keyframes[i].features.descriptors):
                places.add(i, each.keyframes[i].features.descriptors)


def _compared(each: FinishedMap, i: int, j: int) -> Comparison | None:
    """None where nothing is found that both views bear out; of a revisit, unless features led to
    it: the shape of things alone fits in many places."""
    poses = each.saved.fused_poses
    S_map = inverse_similarity(poses[i]) @ poses[j]
    found = recognised_start(
        each.keyframes[i], each.keyframes[j], each.matcher, free_scale=not each.is_measured
    )
    if found is None and each.order[j] - each.order[i] > NEIGHBOURS:
        return None
    start = S_map if found is None else found[0]
    a, b = each.maps.pyramid(i), each.maps.pyramid(j)
    aligned = align(a, b, start, each.config.edges.alignment, with_scale=not each.is_measured)
    S_aligned = aligned.S_reference_source
    if aligned.converged and _fits(a, b, S_aligned):
        return _comparison(each, (i, j), S_map, S_aligned)
    if found is not None and _fits(a, b, start):  # a network's depth is warped: it may not align
        return _comparison(each, (i, j), S_map, start)
    return None


def _fits(a: DepthPyramid, b: DepthPyramid, S_a_b: np.ndarray) -> bool:
    both = two_way_consistency(a.levels[0], b.levels[0], S_a_b)
    overlap, agreement = min(w.overlap for w in both), min(w.agreement for w in both)
    return overlap >= MIN_OVERLAP and agreement >= MIN_AGREEMENT


def _comparison(
    each: FinishedMap, ids: tuple[int, int], S_map: np.ndarray, S: np.ndarray
) -> Comparison:
    i, j = ids
    poses = each.saved.fused_poses
    scale = float(scale_of(poses[i]))  # of i's units in the map's
    moved = log_sim3(inverse_similarity(S_map) @ S)
    unit = scale * float(scale_of(S_map))  # of j's units in the map's
    shift = unit * float(np.linalg.norm((inverse_similarity(S_map) @ S)[:3, 3]))
    turn, log_scale = float(np.linalg.norm(moved[:3])), float(moved[6])
    depth = unit * each.keyframes[j].median_depth
    off = float(np.sqrt(shift**2 + depth**2 * (turn**2 + log_scale**2)))
    surfaces = conflict_of(i, j, inverse_similarity(S_map), each.maps)
    return Comparison(
        i,
        j,
        each.order[j] - each.order[i],
        shift,
        turn,
        log_scale,
        off,
        None if surfaces is None else surfaces.score,
        None if surfaces is None else unit * surfaces.distance,
    )


def _conflicts(each: FinishedMap, i: int, j: int) -> bool:
    poses = each.saved.fused_poses
    surfaces = conflict_of(i, j, inverse_similarity(poses[j]) @ poses[i], each.maps)
    return surfaces is not None and surfaces.score > 1 - MIN_AGREEMENT

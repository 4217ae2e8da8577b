"""Do views of one place agree with where the map has them?

Pairs of keyframes are compared anew, whatever the graph made of them: those that the map says see
the same, and those that look alike, wherever the map has them. Matched features and dense alignment
say where the one is in the other; what that differs from the map is an error of the map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mapper.backend.loops.loop_candidates import overlapping
from mapper.backend.self_doubt.surface_conflicts import conflict_of
from mapper.checking.finished_map import FinishedMap
from mapper.checking.found_place import (
    MIN_AGREEMENT,
    NEIGHBOURS,
    Pair,
    found_place,
    is_refuted,
    nearer_place,
    place_in_map,
)
from mapper.core.sim3 import inverse_similarity, log_sim3, scale_of
from mapper.vision.place_index import PlaceIndex

MAX_SHARED: Final = 6  # earlier keyframes that each is compared with, of those the map has it share
MIN_SHARED: Final = 0.15  # of the view
MAX_ALIKE: Final = 3  # of those that look alike
MAX_PAIRS: Final = 400
FAR_OFF: Final = 0.05  # of the median depth
ASKED: Final = 0.02  # of it, from which on views are asked whether they can be as mapped
BESIDE: Final = 3  # keyframes
ALIKE_TURN: Final = 0.2  # radians


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keyframes i < j. steps: keyframes from one to the other. twist: (7,), of Sim(3), from
    where the map has j in i to where the views have it: radians, units of j, log scale. off: units
    by which a point at j's median depth is moved by that. conflict, apart: of the surfaces as the
    map has them, see SurfaceConflict; None where it has them share too little. is_refuted: views of
    a depth camera that are off, and cannot be as the map has them.
    """

    i: int
    j: int
    steps: int
    twist: tuple[float, ...]
    off: float
    conflict: float | None
    apart: float | None
    is_refuted: bool = False

    @property
    def turn(self) -> float:
        """Radians."""
        return math.hypot(*self.twist[:3])

    @property
    def log_scale(self) -> float:
        """Logarithm of the scale."""
        return self.twist[6]

    @property
    def is_revisit(self) -> bool:
        """Whether the camera was elsewhere in between."""
        return self.steps > NEIGHBOURS

    @property
    def is_torn_step(self) -> bool:
        """Whether one follows the other, and it cannot be as the map has it."""
        return self.steps == 1 and self.is_refuted


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
    for pair in pairs[::every]:
        S = found_place(each, pair)
        if S is not None:
            found += _told(each, pair, S)
        elif _conflicts(each, pair):
            unfit.append(pair)
    far = FAR_OFF * each.median_depth
    believed = [pair for pair in found if _is_believed(each, pair, found)]
    return Compared([pair for pair in believed if not held_apart(pair, found, far)], unfit)


def _told(each: FinishedMap, pair: Pair, S: np.ndarray) -> list[Comparison]:
    """What a pair tells that was found at S; nothing where it is far off and might as well be where
    the map has it. A network errs alike in views that are alike: it cannot be asked that."""
    compared = _comparison(each, pair, S)
    if not each.is_measured or compared.off <= ASKED * each.median_depth:
        return [compared]
    if _is_far_off(each, compared):
        S = nearer_place(each, pair, S)
        compared = _comparison(each, pair, S)
    compared = replace(compared, is_refuted=is_refuted(each, pair, S))
    return [compared] if compared.is_refuted or not _is_far_off(each, compared) else []


def _is_far_off(each: FinishedMap, pair: Comparison) -> bool:
    return pair.off > FAR_OFF * each.median_depth


def _is_believed(each: FinishedMap, pair: Comparison, found: list[Comparison]) -> bool:
    """Two things may look alike: a pair that is far off needs another one beside it that is off
    by as much and turned as much. Of views that follow each other the camera tells that they are of
    one thing: these need none, if they cannot be as the map has them."""
    if not _is_far_off(each, pair) or pair.is_torn_step:
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


def held_apart(pair: Comparison, found: Sequence[Comparison], far: float) -> bool:
    """Whether views that follow each other hold a pair where the map has it, by steps that they
    bear out: then what was found elsewhere is another thing that looks alike, as the back of a
    cabinet looks like its front. far: units, more than such a step can be off."""
    tied, before = {pair.i}, 0
    links = [other for other in found if not other.is_revisit and other.off <= far]
    while len(tied) > before:
        before = len(tied)
        for link in links:
            if link.i in tied or link.j in tied:
                tied |= {link.i, link.j}
    return pair.j in tied and pair.off > pair.steps * far


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


def _comparison(each: FinishedMap, pair: Pair, S: np.ndarray) -> Comparison:
    i, j = pair
    S_map, poses = place_in_map(each, pair), each.saved.fused_poses
    scale = float(scale_of(poses[i]))  # of i's units in the map's
    off = inverse_similarity(S_map) @ S
    twist = log_sim3(off)
    unit = scale * float(scale_of(S_map))  # of j's units in the map's
    shift = unit * float(np.linalg.norm(off[:3, 3]))
    depth = unit * each.keyframes[j].median_depth
    turned = float(twist[:3] @ twist[:3] + twist[6] ** 2)
    surfaces = conflict_of(i, j, inverse_similarity(S_map), each.maps)
    return Comparison(
        i,
        j,
        each.order[j] - each.order[i],
        tuple(twist.tolist()),
        math.sqrt(shift**2 + depth**2 * turned),
        None if surfaces is None else surfaces.score,
        None if surfaces is None else unit * surfaces.distance,
    )


def _conflicts(each: FinishedMap, pair: Pair) -> bool:
    surfaces = conflict_of(*pair, inverse_similarity(place_in_map(each, pair)), each.maps)
    return surfaces is not None and surfaces.score > 1 - MIN_AGREEMENT

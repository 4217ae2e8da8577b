"""Keyframes that show a place of another time: which points of then they see, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.pose_from_points import place_camera
from mapper.frontends.mono.geometry.rolling import straightened
from mapper.frontends.mono.mapping.following import HUBER, INLIER, MIN_SHARE, SIGMA_WEIGHTS
from mapper.frontends.mono.mapping.keyframe_features import (
    MIN_CELLS,
    MIN_POINTS,
    KeyframeFeatures,
    covered,
)
from mapper.frontends.mono.mapping.keyframes import SHARED, SLOTS
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.tracking.patches import FULL, HALF, HIDDEN, align_patches

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

EVERY: Final = 2  # keyframes, of which one is looked at: a loop is seen by many
CANDIDATES: Final = 8  # keyframes that look alike
APART: Final = 10  # keyframes, in time: nearer ones are tied by what was tracked
ROUNDS: Final = 2  # patches are looked for again from where the first ones put the camera


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A later keyframe, by its number, sees points (N,) of an earlier one's time at pixels (N, 2).

    weights: (N,), 1/px.
    """

    earlier: int
    later: int
    ids: Int64[np.ndarray, " n"]
    pixels: Float64[np.ndarray, "n 2"]
    weights: Float64[np.ndarray, " n"]


def find_loops(local_map: LocalMap, features: KeyframeFeatures) -> list[Loop]:
    """All that features lead to and that patches confirm, all over the image.

    Among the keyframes whose images are kept.
    """
    features.look_at_more(local_map, SLOTS, EVERY)
    in_time = sorted(local_map.keyframes, key=lambda keyframe: keyframe.frame_index)
    order = np.zeros(len(in_time), np.int64)
    order[[keyframe.number for keyframe in in_time]] = np.arange(len(in_time))
    search = _Search(local_map, features)
    found: list[Loop] = []
    for later in features:
        mine: list[Loop] = []
        for earlier in features.alike(features[later], CANDIDATES):
            if order[later] - order[earlier] >= APART and not search.shares(earlier, later):
                loop = search.loop(earlier, later)
                mine += [] if loop is None else _rest(loop, mine)
        found += mine
    return found


def _rest(loop: Loop, others: Sequence[Loop]) -> list[Loop]:
    """A loop without the points of others of the same later keyframe; none where little is left."""
    new = ~np.isin(loop.ids, np.concatenate([np.zeros(0, int), *(each.ids for each in others)]))
    if new.sum() < MIN_POINTS:
        return []
    return [replace(loop, ids=loop.ids[new], pixels=loop.pixels[new], weights=loop.weights[new])]


class _Search:
    """In a map that stays as it is."""

    def __init__(self, local_map: LocalMap, features: KeyframeFeatures) -> None:
        self._map, self._features = local_map, features
        state = local_map.points.state
        self._seen = [k.ids[state[k.ids] == POINT] for k in local_map.keyframes]

    def shares(self, a: int, b: int) -> bool:
        """Whether two keyframes are tied by points that both see."""
        return len(np.intersect1d(self._seen[a], self._seen[b])) >= SHARED

    def loop(self, earlier: int, later: int) -> Loop | None:
        """What the later one sees of the earlier one's surroundings; None where it is another
        place, or where too little says that it is this one."""
        lens, points, store = self._map.lens, self._map.points, self._map.keyframes
        T = self._features.placed_by(self._map, earlier, self._features[later])
        if T is None:
            return None
        ids, speed, levels = (
            self._around(earlier, later),
            store[later].velocity,
            store.levels(later),
        )
        for _ in range(ROUNDS):
            there = align_patches(lens, levels, T, points.places[ids], self._map.hosts(ids), speed)
            seen = there.found >= HALF
            if seen.sum() < MIN_POINTS:
                return None
            places, pixels = points.places[ids[seen]], there.pixels[seen]
            full = there.found[seen] == FULL
            weights = np.where(full, SIGMA_WEIGHTS["full"], SIGMA_WEIGHTS["half"])
            straight = straightened(lens, T, speed, places, pixels)
            placed = place_camera(lens, T, places, straight, weights, HUBER)
            T = placed.T
        good = placed.errors < INLIER
        due = int((there.found != HIDDEN).sum())
        if good.sum() < max(MIN_POINTS, MIN_SHARE * due) or covered(lens, pixels[good]) < MIN_CELLS:
            return None
        return Loop(earlier, later, ids[seen][good], pixels[good], weights[good])

    def _around(self, earlier: int, later: int) -> Int64[np.ndarray, " n"]:
        """Points that the earlier one and its neighbours see, and the later one does not; those
        whose host still has an image."""
        near = [
            seen
            for number, seen in enumerate(self._seen)
            if self.shares(number, earlier) and not self.shares(number, later)
        ]
        ids = np.setdiff1d(np.concatenate(near), self._seen[later])
        store = self._map.keyframes
        return ids[self._map.points.hosts[ids] >= len(store) - SLOTS]


def observe_loops(local_map: LocalMap, loops: Sequence[Loop]) -> None:
    """The later keyframes see the points from now on, each once."""
    for loop in loops:
        keyframe = local_map.keyframes[loop.later]
        new = ~np.isin(loop.ids, keyframe.ids)
        local_map.observe(keyframe, loop.ids[new], loop.pixels[new], loop.weights[new])

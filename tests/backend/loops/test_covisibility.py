"""Pairs of keyframes are those that see the same."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.covisibility import covisible_pairs
from mapper.core.sim3 import similarity
from tests.support.room_views import Room, in_units

FRAMES = (0, 5, 10, 120, 125, 235)  # 235 is back beside 0; 120 looks the other way
UNITS = 3.0


@pytest.fixture(scope="module")
def maps(room: Room) -> MapCache:
    cache = MapCache(None, 64)
    for k, index in enumerate(FRAMES):
        cache.put(k, KeyframeMap.of(room.prediction(index)))
    return cache


@pytest.fixture(scope="module")
def poses(room: Room) -> dict[int, np.ndarray]:
    return {k: room.relative(0, index) for k, index in enumerate(FRAMES)}


def test_pairs_share_the_view_or_follow_each_other(
    maps: MapCache, poses: dict[int, np.ndarray]
) -> None:
    pairs = covisible_pairs(poses, maps, 8, 0.25)
    chain = {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)}
    assert chain <= set(pairs)
    assert set(pairs) - chain >= {(0, 2), (0, 5)}
    assert not {(0, 3), (0, 4), (1, 3), (1, 4), (3, 5)} & set(pairs)
    assert pairs == sorted(set(pairs)) and all(i < j for i, j in pairs)


def test_the_most_shared_come_first(maps: MapCache, poses: dict[int, np.ndarray]) -> None:
    """With one neighbour each: of those before the direct predecessor, 0 is nearest to 5."""
    pairs = covisible_pairs(poses, maps, 1, 0.25)
    assert [i for i, j in pairs if j == 5] == [0, 4]
    assert len(pairs) <= 2 * len(FRAMES)


def test_nobody_shares_all_of_a_view(maps: MapCache, poses: dict[int, np.ndarray]) -> None:
    assert covisible_pairs(poses, maps, 8, 1.01) == [(k, k + 1) for k in range(5)]


def test_ids_need_not_be_consecutive(maps: MapCache, poses: dict[int, np.ndarray]) -> None:
    chosen = {k: poses[k] for k in (0, 2, 5)}
    assert covisible_pairs(chosen, maps, 8, 0.25) == [(0, 2), (0, 5), (2, 5)]
    assert covisible_pairs({3: poses[3]}, maps, 8, 0.25) == []


def test_keyframes_of_other_scales_share_what_they_see(
    room: Room, poses: dict[int, np.ndarray]
) -> None:
    """Every second keyframe holds thrice the depth, and a third of the scale."""
    cache, scaled = MapCache(None, 64), {}
    for k, index in enumerate(FRAMES):
        units = UNITS if k % 2 else 1.0
        cache.put(k, KeyframeMap.of(in_units(room.prediction(index), units)))
        scaled[k] = similarity(1 / units, poses[k])
    assert {(0, 2), (0, 5)} <= set(covisible_pairs(scaled, cache, 8, 0.25))

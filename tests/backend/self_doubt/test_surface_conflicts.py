"""Two views' surfaces against each other, where one is put before or behind the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.surface_conflicts import (
    MAX_PAIRS,
    compare_surfaces,
    pairs_in_reach,
)
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics

CAMERA = Intrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)


def wall(depth: float | np.ndarray = 2.0) -> KeyframeMap:
    seen = np.full((CAMERA.height, CAMERA.width), depth, np.float32)
    image = np.zeros((*seen.shape, 3), np.uint8)
    return KeyframeMap(seen, np.ones_like(seen), image, CAMERA, STRUCTURED_LIGHT)


def cache(*maps: KeyframeMap) -> MapCache:
    held = MapCache(None, 10)
    for k, each in enumerate(maps):
        held.put(k, each)
    return held


def ahead(z: float) -> np.ndarray:
    return pose(np.eye(3), np.array([0.0, 0.0, z]))


def test_one_wall_seen_from_two_places_does_not_contradict_itself() -> None:
    maps = cache(wall(2.0), wall(1.5))
    found = compare_surfaces(0, 1, {0: ahead(0.0), 1: ahead(0.5)}, maps)
    assert found is not None and found.score == found.conflict == found.distance == 0.0


def test_a_wall_drawn_twice_contradicts_both_ways_by_its_distance() -> None:
    found = compare_surfaces(0, 1, {0: ahead(0.0), 1: ahead(0.12)}, cache(wall(), wall()))
    assert found is not None
    assert found.conflict == found.free_space == 1.0
    assert found.distance == pytest.approx(0.12, abs=1e-3)


def test_what_stood_before_the_wall_in_one_view_contradicts_one_way_alone() -> None:
    disturbed = np.full((CAMERA.height, CAMERA.width), 2.0, np.float32)
    disturbed[:, :64] = 1.0
    found = compare_surfaces(0, 1, {0: ahead(0.0), 1: ahead(0.0)}, cache(wall(), wall(disturbed)))
    assert found is not None
    assert 0.3 < found.free_space < 0.5 and found.conflict < 0.02


def test_views_that_share_too_little_are_not_judged() -> None:
    away = pose(np.eye(3), np.array([2.2, 0.0, 0.0]))
    assert compare_surfaces(0, 1, {0: ahead(0.0), 1: away}, cache(wall(), wall())) is None


def test_the_distance_does_not_depend_on_the_size_of_the_images() -> None:
    large = Intrinsics(1120.0, 1120.0, 639.5, 479.5, 1280, 960)
    seen = np.full((large.height, large.width), 2.0, np.float32)
    image = np.zeros((*seen.shape, 3), np.uint8)
    maps = cache(*[KeyframeMap(seen, seen, image, large, STRUCTURED_LIGHT)] * 2)
    found = compare_surfaces(0, 1, {0: ahead(0.0), 1: ahead(0.1)}, maps)
    assert found is not None and found.distance == pytest.approx(0.1, abs=1e-3)


def test_each_keyframe_is_compared_with_so_many_others_at_most() -> None:
    count = 3 * MAX_PAIRS
    maps = MapCache(None, 2 * count)
    small = replace(CAMERA, width=32, height=24)
    seen = np.full((24, 32), 2.0, np.float32)
    one = KeyframeMap(seen, seen, np.zeros((24, 32, 3), np.uint8), small, STRUCTURED_LIGHT)
    for k in range(count):
        maps.put(k, one)
    pairs = list(pairs_in_reach(dict.fromkeys(range(count), ahead(0.0)), maps))
    assert len(pairs) == len(set(pairs)) <= count * (MAX_PAIRS + 1)
    of_last = sorted(i for i, j in pairs if j == count - 1)
    assert of_last[0] < MAX_PAIRS and of_last[-1] == count - 2  # from all of the time before

"""Maps that leave memory come back exactly as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.errors import InputError
from mapper.run.keyframe_files import KeyframeFiles
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room


class CountingFiles(KeyframeFiles):
    """KeyframeFiles that tell what was asked of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.saved: list[int] = []
        self.loaded: list[int] = []

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        self.saved.append(keyframe.id)
        super().save(keyframe, keyframe_map)

    def load(self, keyframe_id: int) -> KeyframeMap:
        self.loaded.append(keyframe_id)
        return super().load(keyframe_id)


def keyframe(room: Room, number: int) -> tuple[Keyframe, KeyframeMap]:
    prediction = room.prediction(5 * number)
    features = OrbMatcher().extract(prediction.image, prediction.pointmap)
    tracked = [TrackedFrame(5 * number, prediction.timestamp, np.eye(4))]
    made = Keyframe(number, 0, prediction.T_world_camera, features, prediction.intrinsics, tracked)
    return made, KeyframeMap.of(prediction)


def filled(room: Room, cache: MapCache, count: int) -> dict[int, KeyframeMap]:
    """Put and close keyframes one after the other; copies of their frozen maps."""
    copies = {}
    for number in range(count):
        opened, its_map = keyframe(room, number)
        cache.put(number, its_map)
        cache.close(opened)
        m = its_map
        copies[number] = KeyframeMap(m.depth.copy(), m.weight.copy(), m.image, m.intrinsics)
    return copies


def assert_equal(a: KeyframeMap, b: KeyframeMap) -> None:
    np.testing.assert_array_equal(a.depth, b.depth)
    np.testing.assert_array_equal(a.weight, b.weight)
    np.testing.assert_array_equal(a.image, b.image)
    assert a.intrinsics == b.intrinsics


def test_evicted_maps_are_read_back_bit_for_bit(room: Room, tmp_path: Path) -> None:
    store = CountingFiles(tmp_path)
    cache = MapCache(store, 2)
    copies = filled(room, cache, 5)
    assert store.saved == [0, 1, 2, 3, 4] and store.loaded == []
    for number in (4, 3):
        assert_equal(cache.map(number), copies[number])
    assert store.loaded == []  # the newest two are still in memory
    for number in (0, 1, 2):
        assert_equal(cache.map(number), copies[number])
    assert store.loaded == [0, 1, 2]


def test_the_map_that_was_not_used_for_longest_goes(room: Room, tmp_path: Path) -> None:
    store = CountingFiles(tmp_path)
    cache = MapCache(store, 2)
    filled(room, cache, 2)
    cache.map(0)
    opened, its_map = keyframe(room, 2)
    cache.put(2, its_map)
    cache.close(opened)  # 1 has to go
    cache.map(0)
    cache.map(2)
    assert store.loaded == []
    cache.map(1)
    assert store.loaded == [1]


def test_open_maps_are_never_evicted(room: Room, tmp_path: Path) -> None:
    cache = MapCache(CountingFiles(tmp_path), 1)
    copies = filled(room, cache, 2)
    its_map = keyframe(room, 2)[1]
    cache.put(2, its_map)
    assert_equal(cache.map(0), copies[0])  # read although the open one fills the cache
    assert cache.map(2) is its_map


def test_without_a_store_everything_stays(room: Room) -> None:
    cache = MapCache(None, 1)
    copies = filled(room, cache, 3)
    for number in range(3):
        assert_equal(cache.map(number), copies[number])


def test_closing_twice_saves_once(room: Room, tmp_path: Path) -> None:
    store = CountingFiles(tmp_path)
    cache = MapCache(store, 4)
    opened, its_map = keyframe(room, 0)
    cache.put(0, its_map)
    cache.close(opened)
    cache.close(opened)
    assert store.saved == [0]


def test_pyramids_follow_the_map_once_it_is_closed(room: Room) -> None:
    cache = MapCache(None, 4)
    opened, its_map = keyframe(room, 0)
    cache.put(0, its_map)
    before = cache.pyramid(0).levels[0].depth.copy()
    its_map.depth += np.float32(0.5) * (its_map.depth > 0)
    cache.close(opened)
    after = cache.pyramid(0).levels[0].depth
    both = (before > 0) & (after > 0)
    assert np.median((after - before)[both]) == pytest.approx(0.5, abs=1e-2)
    assert cache.coarse(0).depth.max() > before.max() + 0.3


def test_an_adopted_keyframe_is_read_from_its_file(room: Room, tmp_path: Path) -> None:
    copies = filled(room, MapCache(KeyframeFiles(tmp_path), 2), 3)
    later = MapCache(KeyframeFiles(tmp_path), 2)
    for number in range(3):
        later.adopt(number)
    for number in range(3):
        assert later.coarse(number).depth.any()
        assert_equal(later.map(number), copies[number])


def test_features_come_back_from_the_file(room: Room, tmp_path: Path) -> None:
    store = KeyframeFiles(tmp_path)
    opened, its_map = keyframe(room, 0)
    its_map.freeze()
    store.save(opened, its_map)
    features, intrinsics, descriptor = store.load_view(0)
    np.testing.assert_array_equal(features.pixels, opened.features.pixels)
    np.testing.assert_array_equal(features.descriptors, opened.features.descriptors)
    np.testing.assert_array_equal(features.points, opened.features.points)
    assert intrinsics == opened.intrinsics
    assert descriptor is None


def test_a_damaged_or_missing_file_is_named(room: Room, tmp_path: Path) -> None:
    store = KeyframeFiles(tmp_path)
    opened, its_map = keyframe(room, 0)
    store.save(opened, its_map)
    content = store.path(0).read_bytes()
    for damaged in (b"", b"PK", content[: len(content) // 2], b"x" * 5000):
        store.path(0).write_bytes(damaged)
        with pytest.raises(InputError, match=r"000000.npz"):
            store.load(0)
    with pytest.raises(InputError, match=r"000001.npz"):
        store.load(1)
    with store.path(2).open("wb") as file:
        np.save(file, np.zeros(3))  # an array, not an archive
    with pytest.raises(InputError, match=r"000002.npz"):
        store.load(2)

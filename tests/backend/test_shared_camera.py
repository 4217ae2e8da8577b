"""Keyframes of which only that their camera is one was known get the one that was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.shared_camera import refocus, take_newest_camera
from mapper.run.keyframe_files import KeyframeFiles
from tests.support.room_views import Room, keyframe_of

Kept = tuple[list[Keyframe], MapCache, KeyframeFiles]


@pytest.fixture
def kept(room: Room, tmp_path: Path) -> Kept:
    """Four keyframes whose focal lengths were told 10, 5, 0 and 7 % too long; the last one's
    camera is known."""
    files = KeyframeFiles(tmp_path)
    maps, keyframes = MapCache(files, 2), []
    for number, factor in enumerate((1.1, 1.05, 1.0, 1.07)):
        said = room.prediction(5 * number)
        camera = replace(
            said.intrinsics, fx=factor * said.intrinsics.fx, fy=factor * said.intrinsics.fy
        )
        keyframe = keyframe_of(number, replace(said, intrinsics=camera))
        keyframe.shares_camera = number < 3
        maps.put(number, KeyframeMap.of(replace(said, intrinsics=camera)))
        maps.close(keyframe)
        keyframes.append(keyframe)
    return keyframes, maps, files


def test_the_newest_is_the_best(kept: Kept, room: Room) -> None:
    keyframes, maps, files = kept
    before = [keyframe.features.points.copy() for keyframe in keyframes]
    depth = maps.map(0).depth.copy()
    take_newest_camera(keyframes, maps)
    for keyframe in keyframes[:3]:
        assert keyframe.intrinsics == keyframes[2].intrinsics
        assert maps.map(keyframe.id).intrinsics == keyframe.intrinsics
        assert files.load(keyframe.id).intrinsics == keyframe.intrinsics
        assert keyframe.intrinsics.fx == pytest.approx(room.intrinsics.fx)
        np.testing.assert_array_equal(
            maps.pyramid(keyframe.id).levels[0].camera, maps.pyramid(2).levels[0].camera
        )
    np.testing.assert_array_equal(maps.map(0).depth, depth)
    moved = keyframes[0].features.points
    np.testing.assert_allclose(moved[:, :2], 1.1 * before[0][:, :2], rtol=1e-5)
    np.testing.assert_array_equal(moved[:, 2], before[0][:, 2])


def test_a_known_camera_and_another_size_stay(kept: Kept) -> None:
    keyframes, maps, _ = kept
    keyframes[0].intrinsics = keyframes[0].intrinsics.resized(8, 6)
    others = keyframes[0].intrinsics, keyframes[3].intrinsics
    refocus(keyframes, maps, 0.9)
    assert (keyframes[0].intrinsics, keyframes[3].intrinsics) == others
    assert keyframes[1].intrinsics.fx == pytest.approx(0.9 / 1.07 * others[1].fx)


def test_what_is_alike_is_not_written_again(kept: Kept) -> None:
    keyframes, maps, _ = kept
    take_newest_camera(keyframes, maps)
    first = maps.map(0)
    refocus(keyframes, maps, 1.00001)
    assert maps.map(0) is first

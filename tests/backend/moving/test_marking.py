"""What moved is noted in a keyframe's map, and taken out of it where that is asked for."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.moving.marking import leave_features_out, marked
from mapper.vision.local_features import LocalFeatures
from tests.support.room_views import Room, keyframe_of

PIXELS = np.arange(320 * 100, 320 * 120, dtype=np.int32)  # twenty rows


def test_taken_out_it_is_noted_as_it_was(room: Room) -> None:
    source = KeyframeMap.of(room.prediction(0))
    without = marked(source, PIXELS, take_out=True)
    seen = PIXELS[source.depth.ravel()[PIXELS] > 0]
    assert without.moving is not None and 0 < len(seen) == len(without.moving.pixels)
    assert not without.depth[100:120].any() and not without.weight[100:120].any()
    depth, weight = without.depth.copy(), without.weight.copy()
    depth.ravel()[without.moving.pixels] = without.moving.depth
    weight.ravel()[without.moving.pixels] = without.moving.weight
    assert (depth == source.depth).all() and (weight == source.weight).all()


def test_kept_it_is_only_noted(room: Room) -> None:
    source = KeyframeMap.of(room.prediction(0))
    kept = marked(source, PIXELS, take_out=False)
    assert kept.moving is not None and (kept.depth == source.depth).all()


def test_what_is_found_later_is_noted_too_and_once(room: Room) -> None:
    source = KeyframeMap.of(room.prediction(0))
    for take_out in (True, False):
        once = marked(source, PIXELS[:3000], take_out)
        twice = marked(once, PIXELS[2000:], take_out)
        whole = marked(source, PIXELS, take_out)
        assert twice.moving is not None and whole.moving is not None
        assert (np.sort(twice.moving.pixels) == whole.moving.pixels).all()
        assert (twice.depth == whole.depth).all()


def test_features_on_it_are_lifted_to_no_point(room: Room) -> None:
    keyframe = keyframe_of(0, room.prediction(0))
    pixels = np.array([[50.2, 110.4], [50, 10]], np.float32)
    points = np.ones((2, 3), np.float32)
    keyframe.features = LocalFeatures(pixels, np.zeros((2, 32), np.uint8), points)
    depth = np.ones((240, 320), np.float32)
    depth[100:120] = 0
    leave_features_out(keyframe, depth)
    assert keyframe.features.points.tolist() == [[0, 0, 0], [1, 1, 1]]

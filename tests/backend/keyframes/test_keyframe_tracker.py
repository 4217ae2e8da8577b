"""A frame is averaged into the open keyframe, or opens the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.backend.keyframes.frame_placement import PlacementConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.backend.keyframes.keyframe_tracker import KeyframeTracker
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.depth_noise import LEARNED
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room


def tracker_of(maps: MapCache) -> KeyframeTracker:
    return KeyframeTracker(KeyframeConfig(), PlacementConfig(), maps, OrbMatcher())


def test_a_frame_close_by_is_averaged_and_one_elsewhere_opens_a_keyframe(room: Room) -> None:
    maps = MapCache(None, 4)
    tracker = tracker_of(maps)
    first = tracker.open(0, room.prediction(0), None)
    weight = float(maps.map(0).weight.sum())
    near, far = room.prediction(1, room.relative(0, 1)), room.prediction(60, room.relative(0, 60))
    expected = tracker.expected(first, near)
    assert expected is not None and not tracker.needs_keyframe(near, expected)
    tracker.track(near, expected)
    assert [frame.frame_index for frame in first.frames] == [0, 1]
    assert first.T_odometry_last is near.T_world_camera
    assert maps.map(0).weight.sum() > 1.5 * weight
    expected = tracker.expected(first, far)
    assert expected is not None and tracker.needs_keyframe(far, expected)
    assert tracker.close() is first
    second = tracker.open(1, far, expected)
    assert (second.frame_index, second.T_previous_keyframe) == (60, expected)


def test_no_keyframe_is_open_at_first_and_after_one_was_closed(room: Room) -> None:
    tracker, prediction = tracker_of(MapCache(None, 4)), room.prediction(0)
    assert tracker.close() is None and tracker.expected(None, prediction) is None
    assert tracker.needs_keyframe(prediction, np.eye(4))
    keyframe = tracker.open(0, prediction, None)
    assert not tracker.needs_keyframe(prediction, np.eye(4))
    tracker.close()
    assert tracker.needs_keyframe(prediction, np.eye(4))
    # Between two segments nothing is known of the motion.
    assert tracker.expected(keyframe, replace(prediction, segment=1)) is None


def test_a_pose_that_is_not_finite_is_of_no_use(room: Room) -> None:
    prediction = room.prediction(0)
    lost = replace(prediction, T_world_camera=np.full((4, 4), np.nan))
    assert tracker_of(MapCache(None, 4)).usable(lost) is None


def test_a_frame_without_points_lies_where_its_pose_says_and_opens_nothing(room: Room) -> None:
    maps = MapCache(None, 4)
    tracker = tracker_of(maps)
    first = tracker.open(0, room.prediction(0), None)
    weight = maps.map(0).weight.copy()
    far = room.prediction(60, room.relative(0, 60))
    bare = replace(
        far,
        pointmap=np.zeros_like(far.pointmap),
        confidence=np.zeros_like(far.confidence),
        noise=LEARNED,
    )
    assert not bare.has_points and far.has_points
    expected = tracker.expected(first, bare)
    assert expected is not None and not tracker.needs_keyframe(bare, expected)
    tracker.track(bare, expected)
    assert np.array_equal(first.frames[-1].T_keyframe_camera, expected)
    assert np.array_equal(maps.map(0).weight, weight)
    # However many of them there are: a network's keyframe would be full.
    first.frames += first.frames[-1:] * 100
    assert not tracker.needs_keyframe(bare, expected)

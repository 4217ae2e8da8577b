"""A new keyframe is opened when little of the last one is still in view."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig, needs_keyframe, shared_view
from mapper.core.geometry import backproject, pose
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import LocalFeatures
from tests.support.room_views import Room, in_units

CAMERA = Intrinsics(160, 160, 159.5, 119.5, 320, 240)
WALL = np.full((240, 320), 2.0, np.float32)
NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)


def aside(x: float, z: float = 0.0) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0, z]))


def keyframe(frames: int = 1, segment: int = 0) -> Keyframe:
    tracked = [TrackedFrame(k, k / 30, np.eye(4)) for k in range(frames)]
    return Keyframe(0, segment, np.eye(4), NO_FEATURES, CAMERA, tracked)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_moving_aside_shares_what_is_left_of_the_view(share: float) -> None:
    # The view is 4 m wide at the wall.
    found = shared_view(backproject(WALL, CAMERA), aside(4.0 * share), WALL, CAMERA)
    assert found == pytest.approx(1 - share, abs=1 / 40)  # one of 40 columns that are looked at


def test_a_view_shares_itself() -> None:
    assert shared_view(backproject(WALL, CAMERA), np.eye(4), WALL, CAMERA) == 1.0


def test_points_hidden_behind_a_nearer_surface_are_not_shared() -> None:
    nearer = WALL.copy()
    nearer[:, :160] = 1.0
    shared = shared_view(backproject(WALL, CAMERA), np.eye(4), nearer, CAMERA)
    assert shared == pytest.approx(0.5, abs=1 / 40)


def test_points_in_front_or_in_a_hole_of_the_other_view_are_shared() -> None:
    assert shared_view(backproject(WALL, CAMERA), np.eye(4), 2 * WALL, CAMERA) == 1.0
    assert shared_view(backproject(WALL, CAMERA), np.eye(4), 0 * WALL, CAMERA) == 1.0


def test_points_behind_the_other_camera_are_not_shared() -> None:
    assert shared_view(backproject(WALL, CAMERA), aside(0, -3.0), WALL, CAMERA) == 0.0


def test_a_still_camera_opens_one_only_when_the_last_is_full(room: Room) -> None:
    first, config = room.prediction(0), KeyframeConfig(max_frames=5, max_predicted=3)
    for frames, measured, predicted in ((1, False, False), (3, False, True), (5, True, True)):
        current = keyframe(frames)
        current.intrinsics = room.intrinsics
        for prediction, expected in ((first, measured), (in_units(first, 1.0), predicted)):
            assert needs_keyframe(current, first.depth, prediction, np.eye(4), config) == expected


def test_walking_on_opens_a_keyframe_sooner_where_more_overlap_is_asked_for(room: Room) -> None:
    depth = room.prediction(0).depth
    opened = {}
    for min_overlap in (0.9, 0.75, 0.5):
        current = keyframe()
        current.intrinsics = room.intrinsics
        config = KeyframeConfig(min_overlap=min_overlap)
        opened[min_overlap] = next(
            k
            for k in range(60)
            if needs_keyframe(current, depth, room.prediction(k), room.relative(0, k), config)
        )
    assert 0 < opened[0.9] < opened[0.75] < opened[0.5]


def test_the_expected_place_decides_and_not_the_frontends(room: Room) -> None:
    first, current = room.prediction(0), keyframe()
    current.intrinsics = room.intrinsics
    assert not needs_keyframe(current, first.depth, first, np.eye(4), KeyframeConfig())
    assert needs_keyframe(current, first.depth, first, aside(3.0), KeyframeConfig())


def test_a_new_segment_opens_a_keyframe_wherever_it_looks(room: Room) -> None:
    backend = Backend(BackendConfig())
    assert backend.add(room.prediction(0)).opened is not None
    assert backend.add(room.prediction(0)).opened is None
    assert backend.add(room.prediction(0, segment=1)).opened is not None

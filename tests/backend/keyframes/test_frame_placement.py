"""Frames are placed against their keyframe, and drift between them does not add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.keyframes.frame_placement import (
    FramePlacer,
    Placement,
    PlacementConfig,
    expected_pose,
)
from mapper.backend.keyframes.keyframe import TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.geometry import exp_se3, inverse, rotation_angle
from mapper.core.prediction import Prediction
from tests.support.room_views import Room, distance, in_units, keyframe_of

DRIFT = exp_se3(np.array([0.001, 0.002, 0, 0.004, 0, -0.003]))  # of each step
FRAMES = range(1, 9)


def drifted(room: Room, index: int) -> np.ndarray:
    """T_world_camera of a frontend whose every step is off by DRIFT."""
    T = np.eye(4)
    for k in range(index):
        T = T @ room.relative(k, k + 1) @ DRIFT
    return T


def placed(room: Room, config: PlacementConfig, predictions: list[Prediction]) -> list[Placement]:
    """Against frame 0 in units of one metre."""
    first, maps = in_units(room.prediction(0), 1.0), MapCache(None, 4)
    maps.put(0, KeyframeMap.of(first))
    keyframe = keyframe_of(0, first, blind=True)
    placer, found = FramePlacer(config), []
    for p in predictions:
        expected = expected_pose(keyframe, p.T_world_camera)
        found.append(placer.place(maps.pyramid(0), p, expected))
        T_keyframe_camera = found[-1].T_keyframe_camera
        keyframe.frames.append(TrackedFrame(p.frame_index, p.timestamp, T_keyframe_camera))
        keyframe.T_odometry_last = p.T_world_camera
    return found


def learned(room: Room) -> list[Prediction]:
    return [in_units(room.prediction(k, drifted(room, k)), 1.0) for k in FRAMES]


def test_drift_of_predicted_frames_is_not_added_up(room: Room) -> None:
    """A share of one half leaves the drift of two frames, 5 mm each, and none of before."""
    found = placed(room, PlacementConfig(), learned(room))
    off = [
        distance(p.T_keyframe_camera, room.relative(0, k))[0]
        for p, k in zip(found, FRAMES, strict=True)
    ]
    assert max(off) < 0.014
    whole = placed(room, PlacementConfig(share=1.0), learned(room))[-1].T_keyframe_camera
    assert distance(whole, room.relative(0, FRAMES[-1]))[0] < 8e-3
    assert distance(drifted(room, FRAMES[-1]), room.relative(0, FRAMES[-1]))[0] > 0.03


@pytest.mark.parametrize("refine", ["off", "auto"])
def test_without_refinement_the_frontend_is_taken_at_its_word(
    room: Room, refine: Literal["off", "auto"]
) -> None:
    predictions = learned(room)
    if refine == "auto":  # a depth camera's frames were aligned already
        predictions = [room.prediction(k, drifted(room, k)) for k in FRAMES]
    found = placed(room, PlacementConfig(refine), predictions)
    for placement, k in zip(found, FRAMES, strict=True):
        np.testing.assert_allclose(placement.T_keyframe_camera, drifted(room, k), atol=1e-9)
        assert placement.scale == 1.0


def test_a_frame_in_other_units_gets_the_ratio(room: Room) -> None:
    predictions = learned(room)
    predictions[0] = replace(predictions[0], pointmap=predictions[0].pointmap / np.float32(1.02))
    found = placed(room, PlacementConfig(), predictions[:1])
    assert found[0].scale == pytest.approx(1.02, rel=3e-3)


@pytest.mark.parametrize("limits", [{"max_shift": 1e-6}, {"max_turn": 1e-6}])
def test_an_alignment_that_moves_or_turns_a_frame_too_far_is_not_believed(
    room: Room, limits: dict[str, float]
) -> None:
    config = PlacementConfig(**limits)  # type: ignore[arg-type]
    found = placed(room, config, learned(room))
    for placement, k in zip(found, FRAMES, strict=True):
        np.testing.assert_allclose(placement.T_keyframe_camera, drifted(room, k), atol=1e-9)


def test_metres_and_radians_are_not_added_up(room: Room) -> None:
    """A correction that is below both limits is believed, though their sum is above either."""
    predictions = learned(room)[-1:]
    free = placed(room, PlacementConfig(share=1.0), predictions)[0].T_keyframe_camera
    change = inverse(drifted(room, FRAMES[-1])) @ free
    moved, turned = float(np.linalg.norm(change[:3, 3])), rotation_angle(change[:3, :3])
    assert moved > 1e-2 and turned > 1e-2
    limits = PlacementConfig(share=1.0, max_shift=1.01 * moved, max_turn=1.01 * turned)
    found = placed(room, limits, predictions)[0].T_keyframe_camera
    np.testing.assert_array_equal(found, free)


def test_after_the_keyframe_itself_the_odometry_is_expected(room: Room) -> None:
    keyframe = keyframe_of(0, room.prediction(3), blind=True)
    expected = expected_pose(keyframe, room.relative(0, 5))
    np.testing.assert_allclose(expected, room.relative(3, 5), atol=1e-12)


def test_the_motion_goes_on_from_the_last_placed_frame(room: Room) -> None:
    keyframe = keyframe_of(0, room.prediction(0), blind=True)
    # The last frame was placed at the truth, though the frontend had drifted away from it.
    keyframe.frames.append(TrackedFrame(4, 0.4, room.relative(0, 4)))
    keyframe.T_odometry_last = drifted(room, 4)
    expected = expected_pose(keyframe, drifted(room, 5))
    np.testing.assert_allclose(expected, room.relative(0, 5) @ DRIFT, atol=1e-9)

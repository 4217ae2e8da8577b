"""The depth tracker follows the camera, survives gaps, and finds its way back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from mapper.core.depth_noise import STRUCTURED_LIGHT, TIME_OF_FLIGHT
from mapper.core.frame import Frame
from mapper.core.geometry import exp_se3, inverse
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.view import View
from mapper.rooms.sample.camera import sample_intrinsics
from mapper.vision.dense_alignment import align
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance

FRAMES = 60
TRACKING, LOST, RELOCALISED = TrackingState


def black(index: int) -> Frame:
    """A frame of a covered camera."""
    image, depth = np.zeros((240, 320, 3), np.uint8), np.zeros((240, 320), np.float32)
    return Frame(index, index / 30, image, depth, sample_intrinsics(320, 240))


def tracked(
    frontend: RgbdFrontend, frames: Iterable[Frame]
) -> tuple[dict[int, Prediction], list[TrackingState]]:
    predictions, states = {}, []
    for frame in frames:
        for prediction in frontend.step(frame):
            predictions[prediction.frame_index] = prediction
        states.append(frontend.state)
    return predictions, states


def error(prediction: Prediction, room: Room, first: int = 0) -> tuple[float, float]:
    return distance(prediction.T_world_camera, room.relative(first, prediction.frame_index))


@pytest.mark.parametrize("width", [96, 128, 160])
def test_a_small_camera_is_tracked_as_far(room: Room, width: int) -> None:
    frames = [small(room.frame(index), width) for index in range(0, FRAMES, 3)]
    predictions, states = tracked(RgbdFrontend(), frames)
    assert set(states) == {TRACKING}
    errors = np.array([error(p, room) for p in predictions.values()])
    assert errors[:, 0].max() < 0.03 and errors[:, 1].max() < 1.0


@pytest.mark.parametrize("size", [1, 2])
def test_images_too_small_to_track_lose_the_camera_and_nothing_else(size: int) -> None:
    camera = sample_intrinsics(size, size)
    image, depth = np.zeros((size, size, 3), np.uint8), np.ones((size, size), np.float32)
    _, states = tracked(RgbdFrontend(), [Frame(k, k, image, depth, camera) for k in range(3)])
    assert states == [TRACKING, LOST, LOST]


def small(frame: Frame, width: int) -> Frame:
    """The frame by a camera of fewer pixels."""
    assert frame.depth is not None and frame.intrinsics is not None
    size = width, 3 * width // 4
    return dataclasses.replace(
        frame,
        image=cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA),
        depth=cv2.resize(frame.depth, size, interpolation=cv2.INTER_NEAREST),
        intrinsics=frame.intrinsics.resized(*size),
    )


def test_tracks_sixty_frames_of_the_walk_to_a_centimetre(room: Room) -> None:
    predictions, states = tracked(RgbdFrontend(), map(room.frame, range(FRAMES)))
    assert sorted(predictions) == list(range(FRAMES))
    assert set(states) == {TRACKING}
    np.testing.assert_array_equal(predictions[0].T_world_camera, np.eye(4))
    errors = [error(p, room) for p in predictions.values()]
    # 1.3 m and 80 degrees of way at 320x240 with the sensor's noise.
    assert max(e[0] for e in errors) < 0.01
    assert max(e[1] for e in errors) < 0.4
    assert {p.segment for p in predictions.values()} == {0}


def test_predictions_keep_their_promises(room: Room) -> None:
    frame = room.frame(0)
    assert frame.depth is not None
    (prediction,) = RgbdFrontend().step(frame)
    assert prediction.is_metric and prediction.intrinsics == frame.intrinsics
    assert prediction.pointmap.dtype == prediction.confidence.dtype == np.float32
    np.testing.assert_array_equal(prediction.depth, frame.depth)
    np.testing.assert_array_equal(prediction.confidence > 0, frame.depth > 0)
    np.testing.assert_array_equal(prediction.image, frame.image)


def test_a_covered_camera_is_lost_and_found_again(room: Room) -> None:
    frames = [black(i) if 10 <= i < 13 else room.frame(i) for i in range(20)]
    predictions, states = tracked(RgbdFrontend(), frames)
    assert states[10:13] == [LOST] * 3
    assert states[13] == RELOCALISED and set(states[14:]) == {TRACKING}
    assert sorted(predictions) == [*range(10), *range(13, 20)]
    assert {p.segment for p in predictions.values()} == {0}
    assert max(error(p, room)[0] for p in predictions.values()) < 0.015


def test_forty_frames_of_darkness_begin_a_new_segment(room: Room) -> None:
    frames = [*map(room.frame, range(3)), *map(black, range(3, 43)), *map(room.frame, (43, 44))]
    predictions, states = tracked(RgbdFrontend(), frames)
    assert set(states[3:43]) == {LOST} and states[43:] == [TRACKING] * 2
    assert [predictions[i].segment for i in (2, 43, 44)] == [0, 1, 1]
    np.testing.assert_array_equal(predictions[43].T_world_camera, np.eye(4))
    assert error(predictions[44], room, first=43)[0] < 0.01


def test_a_jump_back_to_an_earlier_view_is_relocalised(room: Room) -> None:
    frontend = RgbdFrontend()
    tracked(frontend, map(room.frame, range(0, 40)))
    jump = room.at(room.poses[4], 4, noisy=True)
    for index in range(40, 45):  # until then a place that looks alike is likelier than a jump
        assert frontend.step(black(index)) == []
    (prediction,) = frontend.step(dataclasses.replace(jump, index=45))
    assert frontend.state == RELOCALISED and prediction.segment == 0
    metres, degrees = distance(prediction.T_world_camera, room.relative(0, 4))
    assert metres < 0.015 and degrees < 0.4


def test_nobody_jumps_within_a_moment(room: Room) -> None:
    """A place that looks like one where the camera was before: the next desk, the next step."""
    frontend = RgbdFrontend()
    tracked(frontend, map(room.frame, range(0, 40)))
    frontend.step(black(40))
    jump = dataclasses.replace(room.at(room.poses[4], 4, noisy=True), index=41)
    assert frontend.step(jump) == [] and frontend.state == LOST


def test_an_unknown_place_is_not_mistaken_for_a_known_one(room: Room) -> None:
    frontend = RgbdFrontend()
    tracked(frontend, map(room.frame, range(10)))
    frontend.step(black(10))
    assert frontend.step(room.frame(120)) == []
    assert frontend.state == LOST


def test_nothing_is_said_before_the_first_depth(room: Room) -> None:
    predictions, states = tracked(RgbdFrontend(), [black(0), black(1), room.frame(2)])
    assert states == [LOST, LOST, TRACKING]
    assert sorted(predictions) == [2] and predictions[2].segment == 0


@pytest.mark.parametrize("hole", [np.nan, np.inf, 9.0])
def test_unusable_readings_are_holes(room: Room, hole: float) -> None:
    frames = []
    for index in range(5):
        frame = room.frame(index)
        assert frame.depth is not None
        depth = np.where(frame.depth > 0, frame.depth, np.float32(hole))
        depth[100:140, 100:180] = hole
        frames.append(dataclasses.replace(frame, depth=depth))
    predictions, states = tracked(RgbdFrontend(), frames)
    assert states == [TRACKING] * 5
    for prediction in predictions.values():
        assert np.isfinite(prediction.pointmap).all()
        assert not prediction.depth[100:140, 100:180].any()
        assert not prediction.confidence[100:140, 100:180].any()
        assert error(prediction, room)[0] < 0.01


def test_a_frame_that_lost_its_depth_is_placed_by_its_features(room: Room) -> None:
    frontend = RgbdFrontend()
    tracked(frontend, map(room.frame, range(3)))
    bare = dataclasses.replace(room.frame(3), depth=np.zeros((240, 320), np.float32))
    (prediction,) = frontend.step(bare)
    assert frontend.state == TRACKING
    metres, degrees = error(prediction, room)
    assert metres < 0.05 and degrees < 1.5  # features alone: 4 pixels are 3 cm at 2 m


def test_missing_depth_or_intrinsics_are_named(room: Room) -> None:
    frame = room.frame(0)
    with pytest.raises(InputError, match="depth"):
        RgbdFrontend().step(dataclasses.replace(frame, depth=None))
    with pytest.raises(InputError, match="--calib"):
        RgbdFrontend().step(dataclasses.replace(frame, intrinsics=None))


def test_reset_begins_a_new_world(room: Room) -> None:
    frontend = RgbdFrontend()
    frontend.step(room.frame(0))
    frontend.reset()
    (prediction,) = frontend.step(room.frame(7))
    assert prediction.segment == 1
    np.testing.assert_array_equal(prediction.T_world_camera, np.eye(4))
    assert frontend.flush() == []


@pytest.mark.parametrize("cut", [0, 1, 25, 31, 32])
def test_a_restored_tracker_goes_on_bit_for_bit(room: Room, cut: int) -> None:
    frames = {i: black(i) if i in (30, 31) else room.frame(i) for i in range(40)}
    whole = RgbdFrontend()
    predictions, states = tracked(whole, frames.values())
    stopped = RgbdFrontend()
    tracked(stopped, [frames[i] for i in range(cut)])
    note = json.loads(json.dumps(stopped.snapshot().note()))
    resumed = RgbdFrontend()
    resumed.restore(note, frames.__getitem__)
    later, later_states = tracked(resumed, [frames[i] for i in range(cut, 40)])
    assert later_states == states[cut:]
    assert sorted(later) == [i for i in sorted(predictions) if i >= cut]
    for index, prediction in later.items():
        expected = predictions[index]
        np.testing.assert_array_equal(prediction.T_world_camera, expected.T_world_camera)
        np.testing.assert_array_equal(prediction.pointmap, expected.pointmap)
        assert prediction.segment == expected.segment


def test_memory_is_bounded_and_the_beginning_is_still_found(room: Room) -> None:
    config = RgbdConfig(max_landmarks=5, reference_overlap=0.97)  # nearly every frame a reference
    frontend = RgbdFrontend(config)
    most = 0
    for index in range(40):
        frontend.step(room.frame(index))
        most = max(most, len(frontend.snapshot().landmarks))
    assert 3 <= most <= 5
    for index in range(40, 45):
        frontend.step(black(index))
    frontend.step(dataclasses.replace(room.frame(0), index=45))
    assert frontend.state == RELOCALISED


def test_a_lost_frame_shows_nothing_of_the_frame_before(room: Room) -> None:
    frontend = RgbdFrontend()
    for index in range(3):
        frontend.step(room.frame(index))
    assert frontend.values["inlier_ratio"] > 0
    for index in (3, 4):
        frontend.step(black(index))
        assert frontend.state == TrackingState.LOST and frontend.values == {}


def test_a_memory_stays_as_it_was_whatever_comes_after(room: Room) -> None:
    """It is written down in another thread, when the frontend is frames ahead."""
    frontend = RgbdFrontend(RgbdConfig(max_landmarks=5, reference_overlap=0.97))
    memories, notes = [], []
    for index in range(20):
        frontend.step(black(index) if index in (8, 9) else room.frame(index))
        memories.append(frontend.snapshot())
        notes.append(json.dumps(memories[-1].note()))
    assert [json.dumps(memory.note()) for memory in memories] == notes
    assert len(set(notes)) == len(notes)


def test_each_frame_is_looked_for_where_the_camera_would_go_on_to(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At constant velocity: one alignment a frame, which begins next to where it ends."""
    step = exp_se3(np.array([0.0, 0.02, 0.0, 0.02, 0.0, 0.01]))
    poses = [room.poses[0] @ np.linalg.matrix_power(step, k) for k in range(6)]
    starts: list[np.ndarray] = []

    def watched(reference, source, T_reference_source, config, **more):
        starts.append(T_reference_source)
        return align(reference, source, T_reference_source, config, **more)

    monkeypatch.setattr("mapper.frontends.rgbd.hypotheses.align", watched)
    frontend = RgbdFrontend()
    for index, T_room_camera in enumerate(poses):
        if index == 2:
            starts.clear()  # the first step comes from standing still
        frontend.step(room.at(T_room_camera, index))
    assert len(starts) == len(poses) - 2
    for k, start in enumerate(starts, 2):
        metres, degrees = distance(start, inverse(poses[0]) @ poses[k])
        assert metres < 0.004 and degrees < 0.2  # a step is 22 mm and 1.1 degrees


def test_the_noise_of_the_frames_camera_is_that_of_the_prediction(room: Room) -> None:
    frame = room.frame(0)
    assert frame.depth is not None
    (unknown,) = RgbdFrontend().step(frame)
    (known,) = RgbdFrontend().step(dataclasses.replace(frame, noise=TIME_OF_FLIGHT))
    assert (unknown.noise, known.noise) == (STRUCTURED_LIGHT, TIME_OF_FLIGHT)
    seen = frame.depth > 0
    sigma = TIME_OF_FLIGHT.sigma(float(frame.depth[seen][0]))
    expected = (TIME_OF_FLIGHT.sigma(1.0) / sigma) ** 2
    assert known.confidence[seen][0] == pytest.approx(expected, rel=1e-4)
    view = View.of(dataclasses.replace(frame, noise=TIME_OF_FLIGHT), OrbMatcher())
    assert {level.noise for level in view.pyramid.levels} == {TIME_OF_FLIGHT}

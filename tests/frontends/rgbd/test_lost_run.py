"""What was lost is placed among itself, and finds its place when that is known."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from tests.support.room_views import Room, distance
from tests.support.views.lost_camera import black, taken_up_again

TRACKING, LOST, RELOCALISED = TrackingState


def elsewhere(room: Room, count: int) -> list[int]:
    """Frames that share nothing with the first ones."""
    return list(range(120, 120 + count))


def test_frames_after_a_jump_are_a_segment_of_their_own_when_nothing_joins_them(
    room: Room,
) -> None:
    frontend = RgbdFrontend(RgbdConfig(restart_after=6))
    for index in range(3):
        frontend.step(room.frame(index))
    answers = [frontend.step(room.frame(index)) for index in elsewhere(room, 9)]
    told = [len(each) for each in answers]
    assert told == [0, 0, 0, 0, 0, 0, 7, 1, 1]
    late = answers[6]
    assert [p.frame_index for p in late] == elsewhere(room, 7) and frontend.recovered == 0
    assert {p.segment for p in late} == {1} and {p.segment for p in answers[-1]} == {1}
    for each in (*late, *answers[-1]):
        metres, degrees = distance(each.T_world_camera, room.relative(120, each.frame_index))
        assert metres < 0.02 and degrees < 0.5


def test_the_end_of_a_sequence_gives_out_what_waits(room: Room) -> None:
    frontend = RgbdFrontend()
    frontend.step(room.frame(0))
    for index in elsewhere(room, 3):
        assert frontend.step(room.frame(index)) == []
    late = frontend.flush()
    assert [p.frame_index for p in late] == elsewhere(room, 3)
    assert {p.segment for p in late} == {1} and frontend.recovered == 3
    assert frontend.flush() == []


def test_one_lost_frame_alone_tells_nothing(room: Room) -> None:
    frontend = RgbdFrontend()
    frontend.step(room.frame(0))
    frontend.step(room.frame(120))
    assert frontend.flush() == []


def test_what_was_lost_is_placed_when_the_camera_is_found_again(room: Room) -> None:
    """A way from an unknown place back to a known one, every frame of which follows the last."""
    frontend = RgbdFrontend()
    for index in range(0, 8):
        frontend.step(room.frame(index))
    answers = []
    for index in range(36, -1, -2):  # by and by it sees again what the first frames saw
        answers.append(frontend.step(room.frame(index)))
        if frontend.state != LOST:
            break
    assert frontend.state == RELOCALISED and len(answers) > 1
    assert all(not each for each in answers[:-1])
    placed = answers[-1]
    assert [p.frame_index for p in placed] == list(range(36, 36 - 2 * len(answers), -2))
    assert frontend.recovered == len(answers) - 1
    for each in placed:
        assert each.segment == 0
        metres, degrees = distance(each.T_world_camera, room.relative(0, each.frame_index))
        assert metres < 0.03 and degrees < 1.0


def test_darkness_ends_a_run(room: Room) -> None:
    frontend = RgbdFrontend()
    frontend.step(room.frame(0))
    for frame in (room.frame(120), room.frame(121), black(122), room.frame(123)):
        frontend.step(frame)
    assert frontend.flush() == []


@pytest.mark.parametrize("cut", [2, 4])
def test_a_run_of_lost_frames_is_taken_up_again_bit_for_bit(room: Room, cut: int) -> None:
    frames = [room.frame(0), room.frame(1), *(room.frame(i) for i in elsewhere(room, 5))]
    expected, found = taken_up_again(frames, cut)
    assert len(expected) == 5 and [p.frame_index for p in found] == elsewhere(room, 5)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.T_world_camera, b.T_world_camera)

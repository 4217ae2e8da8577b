"""A run of lost frames that is not found again hangs on one guess, which is told as such."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import mapper.frontends.rgbd.frontend
from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.joining import guess
from mapper.frontends.rgbd.lost_run import LONG
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance
from tests.support.views.lost_camera import black, taken_up_again

TRACKING, LOST, RELOCALISED = TrackingState
CONFIG = RgbdConfig()
FAR = 120  # a frame that shares nothing with the first ones


def view(frame: Frame) -> View:
    return View.of(frame, OrbMatcher())


def grey(frame: Frame) -> Frame:
    return dataclasses.replace(frame, image=np.full_like(frame.image, 128))


def tracked(room: Room, plain: bool = False) -> Track:
    frames = [room.frame(index) for index in range(4)]
    views = [view(grey(frame) if plain else frame) for frame in frames]
    track: Track | None = begin(views[0])
    for each in views[1:]:
        assert track is not None
        track = follow(track, each, CONFIG)
    assert track is not None
    return track


@pytest.fixture
def known_joint(room: Room, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Where the guess has the frame FAR: 5 cm beside where it is."""
    T = room.relative(0, FAR)
    T[0, 3] += 0.05

    def guessed(track: Track, view: View, config: RgbdConfig) -> np.ndarray | None:
        return T if view.frame_index == FAR else None

    monkeypatch.setattr(mapper.frontends.rgbd.frontend, "guess", guessed)
    return T


def test_the_next_view_is_guessed_where_the_camera_went_on_to(room: Room) -> None:
    T = guess(tracked(room), view(room.frame(4)), CONFIG)
    assert T is not None
    metres, degrees = distance(T, room.relative(0, 4))
    assert metres < 0.01 and degrees < 0.3


def test_nothing_is_guessed_of_a_cut_of_darkness_nor_after_a_gap(room: Room) -> None:
    track = tracked(room)
    assert guess(track, view(room.frame(FAR)), CONFIG) is None
    assert guess(track, view(black(4)), CONFIG) is None
    gap = dataclasses.replace(track, velocity=np.eye(4), lost_frames=1)
    assert guess(gap, view(room.frame(4)), CONFIG) is None


def test_surfaces_alone_are_no_guess(room: Room) -> None:
    """A wall agrees as well wherever it slides to."""
    assert guess(tracked(room, plain=True), view(grey(room.frame(4))), CONFIG) is None


def test_nothing_is_guessed_where_something_moves_by_itself(room: Room) -> None:
    """Lost views may follow it, and not the room."""
    track = tracked(room)
    somebody = dataclasses.replace(track, last=dataclasses.replace(track.last, leaves_out=True))
    assert guess(somebody, view(room.frame(4)), CONFIG) is None


def placed_after_a_break(room: Room, count: int) -> tuple[RgbdFrontend, list[int], list[int]]:
    """After frame 1 `count` far ones, then darkness; also what was told in each of the steps."""
    frontend = RgbdFrontend()
    frames = [room.frame(0), room.frame(1), *(room.frame(FAR + k) for k in range(count))]
    told = [len(frontend.step(frame)) for frame in frames]
    late = frontend.step(black(FAR + count))
    assert frontend.state == LOST and frontend.recovered == len(late)
    for p in late:
        assert p.segment == 0
        off, _ = distance(p.T_world_camera, room.relative(0, p.frame_index))
        assert 0.03 < off < 0.08  # as far as the guess
        T_first = inverse(late[0].T_world_camera) @ p.T_world_camera
        metres, degrees = distance(T_first, room.relative(FAR, p.frame_index))
        assert metres < 0.02 and degrees < 0.5
    return frontend, told, [p.frame_index for p in late]


def test_a_run_that_breaks_off_is_tied_to_the_map_by_the_guess(
    room: Room, known_joint: np.ndarray
) -> None:
    frontend, told, late = placed_after_a_break(room, LONG)
    assert told == [1, 1] + [0] * LONG
    assert late == list(range(FAR, FAR + LONG))
    assert frontend.step(room.frame(FAR + LONG - 1))  # which is known now
    assert frontend.state == RELOCALISED


def test_the_first_of_them_is_its_own_reference_and_held(
    room: Room, known_joint: np.ndarray
) -> None:
    frontend = RgbdFrontend()
    for frame in (room.frame(0), *(room.frame(FAR + k) for k in range(LONG))):
        frontend.step(frame)
    first, *others = frontend.flush()
    assert first.uncertainty is not None and first.uncertainty.is_held
    assert first.uncertainty.reference_index == FAR
    assert not any(p.uncertainty.is_held for p in others if p.uncertainty is not None)
    np.testing.assert_allclose(first.T_world_camera, known_joint, atol=1e-9)


def test_a_short_run_is_not_worth_a_guess(room: Room, known_joint: np.ndarray) -> None:
    _, _, late = placed_after_a_break(room, LONG - 1)
    assert late == []


def test_whoever_is_lost_for_too_long_goes_on_from_the_guess(
    room: Room, known_joint: np.ndarray
) -> None:
    frontend = RgbdFrontend(RgbdConfig(restart_after=LONG + 1))
    answers = [frontend.step(room.frame(index)) for index in (0, 1)]
    answers += [frontend.step(room.frame(FAR + k)) for k in range(LONG + 4)]
    assert [len(each) for each in answers] == [1, 1] + [0] * (LONG + 1) + [LONG + 2, 1, 1]
    assert {p.segment for each in answers for p in each} == {0}
    assert frontend.state == TRACKING


@pytest.mark.parametrize("cut", [2, 5])
def test_a_guess_is_taken_up_again_after_a_kill(
    room: Room, known_joint: np.ndarray, cut: int
) -> None:
    frames = [room.frame(0), *(room.frame(FAR + k) for k in range(LONG))]
    expected, found = taken_up_again(frames, cut)
    assert len(found) == LONG
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.T_world_camera, b.T_world_camera)

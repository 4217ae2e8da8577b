"""A lost camera that would have had to jump to where it is found may be where it was."""

from __future__ import annotations

import dataclasses

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow
from mapper.frontends.rgbd.jump import Jump
from mapper.frontends.rgbd.lost_run import LostRun
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room

CONFIG = RgbdConfig()


def view(room: Room, frame: int, index: int | None = None) -> View:
    """index: as which the frame came, if not as itself."""
    came = frame if index is None else index
    return View.of(dataclasses.replace(room.frame(frame), index=came), OrbMatcher())


def tracked(room: Room) -> Track:
    track: Track | None = begin(view(room, 0))
    for frame in (1, 2, 3):
        assert track is not None
        track = follow(track, view(room, frame), CONFIG)
    assert track is not None
    return track


def run_of(room: Room, *frames: int) -> LostRun:
    """Lost right after the track's last frame."""
    run = LostRun()
    for index, frame in enumerate(frames):
        run = run.extended(view(room, frame, 4 + index), CONFIG)
    assert len(run) == len(frames)
    return run


def located(room: Room, frame: int, aside: float) -> PlacedView:
    T = room.relative(0, frame)
    T[0, 3] += aside
    return PlacedView(view(room, frame), T, known(view(room, frame)))


def test_the_way_among_lost_frames_is_known(room: Room) -> None:
    """Eight frames on the camera is a few decimetres further: the way there leads back."""
    track, run = tracked(room), run_of(room, *range(4, 12))
    right, wrong = (Jump(track, run, located(room, 11, aside)) for aside in (0.0, 0.6))
    assert not right.is_unlikely
    assert wrong.is_unlikely
    T_first_last = inverse(room.poses[4]) @ room.poses[11]
    np.testing.assert_allclose(run.T_first_last, T_first_last, atol=0.02)


def test_a_jump_is_denied_where_the_camera_may_well_have_stayed(room: Room) -> None:
    track = tracked(room)
    stayed = Jump(track, run_of(room, 4, 5), located(room, 5, 1.3))
    assert stayed.is_unlikely and stayed.is_denied(CONFIG)
    carried = Jump(track, run_of(room, 120, 121), located(room, 121, 0.0))
    assert carried.is_unlikely and not carried.is_denied(CONFIG)


def test_nothing_is_denied_of_which_nothing_was_seen(room: Room) -> None:
    jump = Jump(tracked(room), LostRun(), located(room, 5, 1.3))
    assert jump.is_unlikely and not jump.is_denied(CONFIG)

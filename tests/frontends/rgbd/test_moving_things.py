"""Arms move before the camera, which does not go with them; a hard moment does not lose it."""

from __future__ import annotations

import pytest

from mapper.frontends.rgbd import following
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin, follow
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.placement import Placement, place
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, with_arm

COLUMNS = (60, 78, 98, 120, 144, 168, 150, 128)


def test_a_camera_that_stands_still_stays_where_it_is_while_an_arm_moves(room: Room) -> None:
    frontend = RgbdFrontend()
    still = [room.at(room.poses[0], index, noisy=True) for index in range(len(COLUMNS))]
    for index, column in enumerate(COLUMNS):
        (placed,) = frontend.step(with_arm(still[index], column))
        metres, degrees = distance(placed.T_world_camera, room.relative(0, 0))
        assert metres < 0.01 and degrees < 0.5


@pytest.mark.parametrize("first", [0, 6, 12, 48, 90])
def test_a_camera_that_moves_is_tracked_behind_an_arm(room: Room, first: int) -> None:
    """From where each of them was drawn along by the arm as long as surfaces alone were asked."""
    frontend = RgbdFrontend()
    for index, column in enumerate(COLUMNS):
        (placed,) = frontend.step(with_arm(room.frame(first + index), column))
        metres, degrees = distance(placed.T_world_camera, room.relative(first, first + index))
        assert metres < 0.01 and degrees < 0.2


def test_what_the_reference_does_not_place_the_last_view_may(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference says nothing of one frame; the track goes on from the frame before."""
    config = RgbdConfig()
    views = [View.of(room.frame(index), OrbMatcher()) for index in range(3)]
    track = follow(begin(views[0]), views[1], config)
    assert track is not None and track.reference.view is views[0]

    def deaf(track: Track, view: View, config: RgbdConfig) -> Placement | None:
        return None if track.reference.view is views[0] else place(track, view, config)

    monkeypatch.setattr(following, "place", deaf)
    gone_on = follow(track, views[2], config)
    assert gone_on is not None and gone_on.reference.view is views[1]
    assert gone_on.last.uncertainty.reference_index == 1
    metres, degrees = distance(gone_on.T_world_last, room.relative(0, 2))
    assert metres < 0.01 and degrees < 0.3

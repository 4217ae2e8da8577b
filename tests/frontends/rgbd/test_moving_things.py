"""Arms before the camera move; the camera does not go with them."""

from __future__ import annotations

from mapper.frontends.rgbd.frontend import RgbdFrontend
from tests.support.room_views import Room, distance, with_arm

COLUMNS = (60, 78, 98, 120, 144, 168, 150, 128)


def test_a_camera_that_stands_still_stays_where_it_is_while_an_arm_moves(room: Room) -> None:
    frontend = RgbdFrontend()
    still = [room.at(room.poses[0], index, noisy=True) for index in range(len(COLUMNS))]
    for index, column in enumerate(COLUMNS):
        (placed,) = frontend.step(with_arm(still[index], column))
        metres, degrees = distance(placed.T_world_camera, room.relative(0, 0))
        assert metres < 0.01 and degrees < 0.5


def test_a_camera_that_moves_is_tracked_behind_an_arm(room: Room) -> None:
    frontend = RgbdFrontend()
    for index, column in enumerate(COLUMNS):
        (placed,) = frontend.step(with_arm(room.frame(index), column))
        metres, degrees = distance(placed.T_world_camera, room.relative(0, index))
        assert metres < 0.02 and degrees < 0.5

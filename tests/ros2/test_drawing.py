"""The cloud and the grid of a map in the making are those of the room that it shows."""

from __future__ import annotations

import numpy as np

from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import exp_se3, inverse, pose
from mapper.rooms.sample.walls import ROOM
from mapper.ros2.drawing import Placed, draw_cloud, draw_grid
from mapper.ros2.thin_view import PIXELS, thin_view
from tests.support.room_views import Room

SIDE = 0.1
HEIGHT = 0.1, 1.2


def placed(room: Room, T_map_room: np.ndarray, factor: float = 1.0) -> Placed:
    """Eight views all the way round the room; factor: units of a keyframe for a metre."""
    views = {}
    for number, index in enumerate(range(0, 240, 30)):
        frame = room.frame(index)
        assert frame.depth is not None
        depth = (frame.depth * factor).astype(np.float32)
        whole = KeyframeMap(depth, (depth > 0).astype(np.float32), frame.image, room.intrinsics)
        S = T_map_room @ room.poses[index]
        S[:3, :3] /= factor
        views[number] = thin_view(whole, FusionConfig(), number), S
    return views


LEVEL = pose(np.eye(3), np.array([-1.0, 0.5, -1.3]))  # T_map_room; the room's floor is its z = 0


def test_a_view_is_thinned_and_sees_the_same(room: Room) -> None:
    view, _ = placed(room, LEVEL)[0]
    assert view.depth.size <= 1.3 * PIXELS and view.image.shape[:2] == view.depth.shape
    frame = room.frame(0)
    assert frame.depth is not None
    full = KeyframeMap(frame.depth, np.ones_like(frame.depth), frame.image, room.intrinsics)
    step = frame.depth.shape[0] // view.depth.shape[0]
    kept = view.depth > 0
    np.testing.assert_array_equal(view.depth[kept], full.depth[::step, ::step][kept])
    rays = view.points()[kept] / view.depth[kept][:, None]
    rows, columns = np.nonzero(kept)
    camera = room.intrinsics
    np.testing.assert_allclose(rays[:, 0], (step * columns - camera.cx) / camera.fx, atol=1e-5)
    np.testing.assert_allclose(rays[:, 1], (step * rows - camera.cy) / camera.fy, atol=1e-5)


def test_the_cloud_has_a_point_in_each_cube(room: Room) -> None:
    points, colors = draw_cloud(placed(room, LEVEL), SIDE)
    assert points.shape == colors.shape and len(points) > 1000
    cubes = np.floor(points / np.float32(SIDE))
    assert len(np.unique(cubes, axis=0)) > 0.99 * len(points)
    assert draw_cloud({}, SIDE)[0].shape == (0, 3)


def test_keyframes_in_units_of_their_own_give_the_same_cloud(room: Room) -> None:
    expected, _ = draw_cloud(placed(room, LEVEL), SIDE)
    points, _ = draw_cloud(placed(room, LEVEL, factor=0.8), SIDE)
    assert abs(len(points) - len(expected)) < 0.02 * len(expected)
    np.testing.assert_allclose(points.min(0), expected.min(0), atol=0.02)
    np.testing.assert_allclose(points.max(0), expected.max(0), atol=0.02)


def test_the_grid_lies_on_the_floor_is_free_inside_and_occupied_at_the_walls(room: Room) -> None:
    views = placed(room, LEVEL)
    grid = draw_grid(views, SIDE, HEIGHT, is_level=True)
    assert grid is not None and set(np.unique(grid.cells)) == {-1, 0, 100}
    np.testing.assert_allclose(grid.T_map_corner[2, 3], LEVEL[2, 3], atol=0.03)
    corner = grid.T_map_corner[:2, 3] - LEVEL[:2, 3]
    free = np.argwhere(grid.cells == 0)[:, ::-1] * SIDE + corner
    assert len(free) > 200
    assert (free > -SIDE).all() and (free < np.array(ROOM[:2]) + SIDE).all()
    points, _ = draw_cloud(views, SIDE)
    local = points - grid.T_map_corner[:3, 3]
    band = local[(local[:, 2] > 0.3) & (local[:, 2] < 1.0)]
    hit = grid.cells[tuple((band[:, 1::-1] / SIDE).astype(int).T)]
    assert (hit == 100).mean() > 0.9


def test_a_map_that_lies_askew_has_the_same_grid_on_its_floor(room: Room) -> None:
    """As of a camera in the hand, which looks down at first."""
    tilt = exp_se3(np.array([0.1, 0.2, 0.0, 0.0, 0.0, 0.0]))
    upright = draw_grid(placed(room, LEVEL), SIDE, HEIGHT, is_level=False)
    askew = draw_grid(placed(room, tilt @ LEVEL), SIDE, HEIGHT, is_level=False)
    assert upright is not None and askew is not None
    up = askew.T_map_corner[:3, 2]
    np.testing.assert_allclose(up, tilt[:3, 2], atol=0.02)
    for state in (0, 100):
        expected = (upright.cells == state).sum()
        assert abs((askew.cells == state).sum() - expected) < 0.05 * expected


def test_what_went_away_is_no_obstacle(room: Room) -> None:
    """A wall that one view saw a metre ahead, and through which two views look later."""
    views = dict(placed(room, LEVEL))
    view, S = views[0]
    ahead = np.where(view.depth > 1.0, np.float32(1.0), view.depth)
    blocked = type(view)(ahead, view.image, view.intrinsics, view.noise, view.stamp), S
    states = []
    for more in ({0: blocked}, {100: blocked, 101: views[0]}):
        grid = draw_grid({**views, **more}, SIDE, (0.1, 1.6), is_level=True)
        assert grid is not None
        x, y = (inverse(grid.T_map_corner) @ S @ np.array([0.0, 0.0, 1.0, 1.0]))[:2] / SIDE
        states.append(grid.cells[int(y), int(x)])
    assert states[0] == 100 and states[1] != 100


def test_nothing_seen_makes_no_grid() -> None:
    assert draw_grid({}, SIDE, HEIGHT, is_level=True) is None

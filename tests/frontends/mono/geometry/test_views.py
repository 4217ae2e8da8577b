"""The lens, one camera from points, and points from several cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.geometry.pose_from_points import place_camera, search_camera
from mapper.frontends.mono.geometry.triangulation import triangulate
from tests.support.sparse_scene import LENS, pixels_of, sparse_scene


@pytest.mark.parametrize("k1", [-0.3, -0.03, 0.0, 0.2])
def test_rays_undo_the_projection(k1: float) -> None:
    lens = replace(LENS, k1=k1)
    rays = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 2))
    assert lens.rays(lens.pixels(rays)) == pytest.approx(rays, abs=1e-9)


def test_an_undistorted_image_is_the_pinhole_s() -> None:
    lens = replace(LENS, k1=-0.2)
    image = np.zeros((480, 640, 3), np.uint8)
    ray = np.array([[0.4, -0.3]])
    u, v = lens.pixels(ray)[0].round().astype(int)
    image[v - 3 : v + 4, u - 3 : u + 4] = 255
    seen = lens.undistorted(image, 320, 240)
    small = lens.pinhole.resized(320, 240)
    columns, rows = np.nonzero(seen[..., 0] > 100)[::-1]
    where = ray[0] * [small.fx, small.fy] + [small.cx, small.cy]
    assert [columns.mean(), rows.mean()] == pytest.approx(where, abs=0.7)


def test_a_camera_is_placed_by_points_in_spite_of_wrong_ones() -> None:
    made = sparse_scene()
    T, pixels = made.poses[2], pixels_of(LENS, made.poses[2], made.points)
    pixels[:10] += 40
    found = place_camera(LENS, made.poses[0], made.points, pixels, np.ones(60), 1.0)
    assert pytest.approx(T, abs=0.01) == found.T
    assert (found.errors < 3).sum() >= 49


def test_a_camera_is_found_from_nowhere() -> None:
    made = sparse_scene()
    T = moved_pose(np.array([0.4, 0.3, -0.5, 0.5, 0.2, 0.8]), np.eye(3, 4))
    pixels = pixels_of(LENS, T, made.points)
    pixels[:15] += 40
    found = search_camera(LENS, made.points, pixels)
    assert found is not None and found == pytest.approx(T, abs=0.02)
    assert search_camera(LENS, made.points[:4], pixels[:4]) is None


def test_points_are_where_their_rays_meet() -> None:
    made = sparse_scene(views=3)
    found = triangulate(LENS, made.poses, made.seen)
    assert found.points == pytest.approx(made.points, abs=1e-5)
    assert found.worst.max() < 1e-4
    ends = np.array([-T[:, :3].T @ T[:, 3] for T in made.poses[[0, 2]]])
    rays = made.points[None] - ends[:, None]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    angles = np.arccos((rays[0] * rays[1]).sum(-1))
    assert found.angles == pytest.approx(angles, rel=1e-2)


def test_a_point_behind_a_camera_is_none() -> None:
    made = sparse_scene(views=3)
    turned = made.poses.copy()
    turned[1] = np.diag([1, -1, -1]) @ turned[1]
    assert np.isinf(triangulate(LENS, turned, made.seen).worst).all()

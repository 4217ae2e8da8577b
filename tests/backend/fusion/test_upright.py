"""Which way is up in a map whose first camera was tilted, and where its floor is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.fusion.upright import estimate_up, find_floor, held_up, upright_frame
from mapper.core.geometry import transform
from mapper.core.mesh import Mesh
from mapper.errors import InputError


def mesh_with(normals: np.ndarray) -> Mesh:
    """A mesh of which only the normals (N, 3) matter."""
    count = len(normals)
    return Mesh(
        np.zeros((count, 3), np.float32),
        np.zeros((0, 3), np.int32),
        np.zeros((count, 3), np.uint8),
        normals.astype(np.float32),
    )


def room_normals(rotation: Rotation, seed: int = 0) -> np.ndarray:
    """A floor, a smaller table, two walls and clutter; noisy; turned by `rotation`."""
    rng = np.random.default_rng(seed)
    directions = np.repeat(
        [[0, -1, 0], [0, -1, 0], [1, 0, 0], [0, 0, -1]], [500, 200, 900, 800], axis=0
    )
    noisy = directions + 0.05 * rng.standard_normal(directions.shape)
    normals = np.concatenate([noisy, rng.standard_normal((300, 3))])
    return rotation.apply(normals / np.linalg.norm(normals, axis=1, keepdims=True))


@pytest.mark.parametrize("tilt", [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (20, 40, 10)])
def test_the_floor_tells_up_when_the_camera_was_tilted(tilt: tuple[float, ...]) -> None:
    rotation = Rotation.from_euler("xyz", tilt, degrees=True)
    up = estimate_up(mesh_with(room_normals(rotation)))
    assert np.linalg.norm(up) == pytest.approx(1.0)
    angle = np.degrees(np.arccos(np.clip(up @ rotation.apply([0.0, -1.0, 0.0]), -1, 1)))
    assert angle < 3.0  # the clutter's share


@pytest.mark.parametrize("normals", [np.zeros((0, 3)), np.array([[1.0, 0, 0], [0, 1.0, 0]])])
def test_without_a_surface_that_faces_up_it_is_minus_y(normals: np.ndarray) -> None:
    assert np.array_equal(estimate_up(mesh_with(normals)), [0.0, -1.0, 0.0])


def box_room(rotation: Rotation) -> Mesh:
    """4 x 3 m with a table, y down, the camera 1.2 m above the floor; turned by `rotation`."""
    squares = [
        ((0, 0, 1.5), (2, 0, 0), (0, 1.2, 0)),  # walls, each facing inwards
        ((0, 0, -1.5), (-2, 0, 0), (0, 1.2, 0)),
        ((2, 0, 0), (0, 0, -1.5), (0, 1.2, 0)),
        ((-2, 0, 0), (0, 0, 1.5), (0, 1.2, 0)),
        ((0.5, 0.5, 0), (0.8, 0, 0), (0, 0, -0.6)),  # the table, and the floor
        ((0, 1.2, 0), (2, 0, 0), (0, 0, -1.5)),
    ]
    middles, right, down = (rotation.apply([s[k] for s in squares]) for k in range(3))
    corners = np.stack([middles + a * right + b * down
                        for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1))], 1)  # fmt: skip
    faces = np.concatenate([[[4 * i, 4 * i + 1, 4 * i + 2], [4 * i, 4 * i + 2, 4 * i + 3]]
                            for i in range(len(squares))]).astype(np.int32)  # fmt: skip
    normals = np.repeat(np.cross(down, right), 4, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    vertices = corners.reshape(-1, 3).astype(np.float32)
    return Mesh(vertices, faces, np.zeros_like(vertices, np.uint8), normals.astype(np.float32))


TILTED = Rotation.from_euler("yx", [25, -20], degrees=True)


def test_the_floor_is_the_lowest_level_surface_and_not_the_table() -> None:
    floor = find_floor(box_room(TILTED))
    assert np.allclose(floor.up, TILTED.apply([0, -1, 0]), atol=1e-3)
    assert floor.height == pytest.approx(-1.2, abs=0.02) and floor.area == pytest.approx(
        12, rel=0.01
    )


def test_the_upright_frame_stands_on_the_floor_along_the_walls() -> None:
    mesh = box_room(TILTED)
    T = upright_frame(find_floor(mesh), mesh)
    points = transform(T, mesh.vertices.astype(float))
    assert points[:, 2].min() == pytest.approx(0, abs=0.02)
    assert T[:3, :3] @ T[:3, :3].T == pytest.approx(np.eye(3), abs=1e-6)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1)
    walls = points[:16]  # each lies along x or y
    for wall in walls.reshape(4, 4, 3):
        assert min(np.ptp(wall[:, 0]), np.ptp(wall[:, 1])) < 1e-3
    ahead = T[:3, :3] @ [0, 0, 1]  # the first camera looks along +x, more or less
    assert ahead[0] > 0.7


def test_up_may_be_told() -> None:
    floor = find_floor(box_room(TILTED), up=TILTED.apply([0.0, -1.0, 0.0]))
    assert floor.height == pytest.approx(-1.2, abs=0.02)
    with pytest.raises(InputError, match="--up"):
        find_floor(box_room(Rotation.identity()), up=np.array([0.6, 0.0, 0.8]))


def test_without_a_level_surface_there_is_no_floor() -> None:
    mesh = box_room(Rotation.identity())
    with pytest.raises(InputError, match="floor"):
        find_floor(Mesh(mesh.vertices, mesh.faces[:8], mesh.colors, mesh.normals))


def test_in_another_world_the_cameras_tell_where_up_is() -> None:
    """z is up: a map that lies on the Earth."""
    to_east_north_up = Rotation.from_euler("x", -90, degrees=True)
    cameras = np.tile(np.eye(4), (5, 1, 1))
    tilts = Rotation.from_euler("x", [[-20.0], [10], [0], [15], [-30]], degrees=True)
    cameras[:, :3, :3] = (to_east_north_up * tilts).as_matrix()
    held = held_up(cameras)
    assert held @ [0, 0, 1] > 0.99
    mesh = box_room(to_east_north_up)
    assert estimate_up(mesh, held) @ [0, 0, 1] > 0.999
    assert find_floor(mesh, held=held).up @ [0, 0, 1] > 0.999
    every_way = Rotation.from_euler("z", [[0.0], [120], [240]], degrees=True).as_matrix()
    turning = np.tile(np.eye(4), (3, 1, 1))
    turning[:, :3, :3] = every_way
    np.testing.assert_array_equal(held_up(turning), [0, -1, 0])
    np.testing.assert_array_equal(held_up(np.zeros((0, 4, 4))), [0, -1, 0])

"""Pictures of meshes whose look is known."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.upright import estimate_up
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.report.mesh_picture import render_mesh, render_mesh_top

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


def square(centre: tuple[float, ...], right: tuple[float, ...], down: tuple[float, ...]) -> list:
    """Corners of a square that shows its front to a viewer with these right and down axes."""
    c, r, d = np.array(centre), np.array(right), np.array(down)
    return [c - r - d, c - r + d, c + r + d, c + r - d]


def mesh_of(squares: list[tuple[list, tuple[int, int, int]]]) -> Mesh:
    vertices = np.array([corner for corners, _ in squares for corner in corners], np.float32)
    faces = np.concatenate([[[4 * i, 4 * i + 1, 4 * i + 2], [4 * i, 4 * i + 2, 4 * i + 3]]
                            for i in range(len(squares))]).astype(np.int32)  # fmt: skip
    colors = np.array([color for _, color in squares for _ in range(4)], np.uint8)
    a, b, c = (vertices[faces[::2, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(vertices, faces, colors, np.repeat(normals, 4, axis=0).astype(np.float32))


FACING = (square((0, 0, 3), (1, 0, 0), (0, 1, 0)), RED)  # seen from the origin along z
TURNED_AWAY = (square((0, 0, 2), (-1, 0, 0), (0, 1, 0)), GREEN)  # in front of it, from behind
FLOOR = (square((0, 1, 3), (2, 0, 0), (0, 0, -1)), BLUE)


def test_a_face_seen_from_behind_does_not_hide_what_lies_behind_it() -> None:
    picture = render_mesh(mesh_of([FACING, TURNED_AWAY]), 64, 48, T_world_camera=np.eye(4))
    assert picture.shape == (48, 64, 3) and picture.dtype == np.uint8
    assert picture[24, 32].argmax() == 0


def test_a_face_seen_from_the_front_hides_what_lies_behind_it() -> None:
    near = (square((0, 0, 2), (1, 0, 0), (0, 1, 0)), GREEN)
    picture = render_mesh(mesh_of([FACING, near]), 64, 48, T_world_camera=np.eye(4))
    assert picture[24, 32].argmax() == 1


def test_nothing_in_view_is_a_light_background() -> None:
    behind = np.diag([-1.0, 1.0, -1.0, 1.0])
    assert render_mesh(mesh_of([FACING]), 64, 48, T_world_camera=behind).min() > 200


def test_the_default_view_shows_floor_and_wall_from_above() -> None:
    picture = render_mesh(mesh_of([FACING, FLOOR]), 160, 100).astype(int)
    rows_red = np.nonzero((picture[..., 0] - picture[..., 2] > 60).any(axis=1))[0]
    rows_blue = np.nonzero((picture[..., 2] - picture[..., 0] > 60).any(axis=1))[0]
    assert len(rows_red) > 10 and len(rows_blue) > 10
    assert rows_red.mean() < rows_blue.mean()  # the wall stands above the floor


def test_the_view_from_above_looks_through_the_ceiling() -> None:
    ceiling = (square((0, -1, 3), (2, 0, 0), (0, 0, 1)), GREEN)  # faces down into the room
    picture = render_mesh_top(mesh_of([FLOOR, ceiling]), 160, 100)
    assert picture[50, 80].argmax() == 2
    filled = picture[50, :, 2].astype(int) - picture[50, :, 0] > 60
    assert 0.6 < filled.mean() < 1.0


def test_a_mesh_without_faces_is_an_input_error() -> None:
    cloud = Mesh(*(np.zeros((5, 3), kind) for kind in (np.float32, np.int32, np.uint8, np.float32)))
    no_faces = Mesh(cloud.vertices, cloud.faces[:0], cloud.colors, cloud.normals)
    with pytest.raises(InputError, match="no faces"):
        render_mesh(no_faces)
    with pytest.raises(InputError, match="no faces"):
        render_mesh_top(no_faces)


@pytest.mark.parametrize("vertices", [3, 4])
def test_a_mesh_of_a_few_vertices_has_pictures(vertices: int) -> None:
    corners, faces, colors, normals = mesh_arrays(vertices)
    mesh = Mesh(corners, faces, colors, normals)
    for picture in (render_mesh(mesh, 64, 48), render_mesh_top(mesh, 64, 48)):
        assert picture.shape == (48, 64, 3)
    assert np.isfinite(estimate_up(mesh)).all()


def test_a_mesh_of_one_point_has_pictures() -> None:
    corners, faces, colors, normals = mesh_arrays(3)
    mesh = Mesh(0 * corners, faces, colors, 0 * normals)
    for picture in (render_mesh(mesh, 64, 48), render_mesh_top(mesh, 64, 48)):
        assert picture.shape == (48, 64, 3)


def mesh_arrays(vertices: int) -> tuple[np.ndarray, ...]:
    """Corners of a square on the floor, their one or two faces, colours and normals."""
    corners = np.array([[0, 1, 1], [1, 1, 1], [0, 1, 2], [1, 1, 2]], np.float32)[:vertices]
    faces = np.array([[0, 1, 2], [1, 3, 2]], np.int32)[: vertices - 2]
    colors = np.full((vertices, 3), 128, np.uint8)
    return corners, faces, colors, np.tile(np.array([0, -1, 0], np.float32), (vertices, 1))

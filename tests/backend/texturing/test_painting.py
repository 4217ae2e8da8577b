"""Photographs painted on a wall whose picture is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mapper.backend.texturing.atlas import decimated, unwrapped
from mapper.backend.texturing.painting import Painter, View, padded, sharpness
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh, TexturedMesh

CAMERA = Intrinsics(100.0, 100.0, 79.5, 59.5, 160, 120)
GREY = 90


def wall(z: float = 2.0, half: tuple[float, float] = (1.2, 0.9), cells: int = 12) -> Mesh:
    """A grey wall that faces the origin."""
    x, y = np.meshgrid(np.linspace(-half[0], half[0], cells + 1),
                       np.linspace(-half[1], half[1], cells + 1))  # fmt: skip
    vertices = np.stack([x, y, np.full_like(x, z)], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    right, below = corner + 1, corner + cells + 1
    faces = np.concatenate([np.stack([corner, right, below], 1),
                            np.stack([right, below + 1, below], 1)])  # fmt: skip
    normals = np.tile(np.array([0, 0, -1], np.float32), (len(vertices), 1))
    colors = np.full((len(vertices), 3), GREY, np.uint8)
    return Mesh(vertices, faces[:, [0, 1, 2]].astype(np.int32), colors, normals)


def picture() -> np.ndarray:
    """Soft blobs, so that half a pixel does not matter."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC)


def view(image: np.ndarray, depth: float = 2.0) -> View:
    measured = np.full((120, 160), depth, np.float32)
    return View(image, CAMERA, measured, CAMERA, np.eye(4))


def colors_at(mesh: TexturedMesh, points: np.ndarray) -> np.ndarray:
    """Of the texels of the vertices nearest to points (N, 3)."""
    nearest = np.linalg.norm(mesh.vertices[None] - points[:, None], axis=2).argmin(axis=1)
    height, width = mesh.texture.shape[:2]
    columns, rows = (mesh.uv[nearest] * [width, height]).astype(int).T
    return mesh.texture[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(int)


def expected_at(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    u = np.rint(100 * points[:, 0] / points[:, 2] + 79.5).astype(int)
    v = np.rint(100 * points[:, 1] / points[:, 2] + 59.5).astype(int)
    return image[v, u].astype(int)


INNER = wall().vertices[np.abs(wall().vertices[:, :2] / [1.2, 0.9]).max(axis=1) < 0.9]


def oriented(mesh: Mesh) -> Mesh:
    """Faces whose normals point to the origin."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    away = np.cross(b - a, c - a)[:, 2] > 0
    faces = np.where(away[:, None], mesh.faces[:, ::-1], mesh.faces)
    return Mesh(mesh.vertices, np.ascontiguousarray(faces), mesh.colors, mesh.normals)


@pytest.fixture
def painter() -> Painter:
    return Painter(unwrapped(oriented(wall()), 256))


def test_a_wall_shows_the_photograph_in_its_place(painter: Painter) -> None:
    painter.add(view(picture()))
    mesh, share = painter.textured()
    error = np.abs(colors_at(mesh, INNER) - expected_at(picture(), INNER))
    assert share > 0.9 and np.median(error) < 6 and np.percentile(error, 95) < 40


def test_without_a_photograph_it_has_the_meshs_own_colours(painter: Painter) -> None:
    mesh, share = painter.textured()
    assert share == 0 and (mesh.texture == GREY).all()  # between the charts too


@pytest.mark.parametrize("depth", [1.5, 2.5])
def test_a_view_that_measured_something_else_is_not_painted(painter: Painter, depth: float) -> None:
    painter.add(view(picture(), depth))
    assert painter.textured()[1] == 0


def test_nothing_is_painted_through_what_stands_before_it() -> None:
    front = oriented(wall(1.0, (0.25, 0.9), 6))
    behind = oriented(wall())
    both = Mesh(
        np.concatenate([behind.vertices, front.vertices]),
        np.concatenate([behind.faces, front.faces + len(behind.vertices)]),
        np.concatenate([behind.colors, front.colors]),
        np.concatenate([behind.normals, front.normals]),
    )
    painter = Painter(unwrapped(both, 256))
    image = np.full((120, 160, 3), 255, np.uint8)
    painter.add(View(image, CAMERA, np.zeros((120, 160), np.float32), CAMERA, np.eye(4)))
    mesh, _ = painter.textured()
    hidden, open_to_view = np.array([[0.0, 0.0, 2.0]]), np.array([[0.8, 0.0, 2.0]])
    assert (colors_at(mesh, hidden) == GREY).all() and (colors_at(mesh, open_to_view) == 255).all()


def test_what_a_mask_forbids_is_not_painted(painter: Painter) -> None:
    hidden = np.ones((120, 160), bool)
    v = view(picture())
    painter.add(View(v.image, CAMERA, v.depth, CAMERA, np.eye(4), hidden=hidden))
    assert painter.textured()[1] == 0


def test_a_blurred_image_is_duller() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    assert sharpness(cv2.GaussianBlur(image, (0, 0), 3)) < 0.5 * sharpness(image)


def test_padding_continues_the_nearest_colour() -> None:
    texture, shown = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    texture[1, 1], texture[1, 4], shown[1, 1], shown[1, 4] = 10, 20, 1, 1
    full = padded(texture, shown)
    assert (full[:, :2] == 10).all() and (full[:, 4:] == 20).all()


def test_a_flat_wall_needs_few_triangles() -> None:
    mesh = decimated(oriented(wall(cells=30)), 100)
    assert 2 <= len(mesh.faces) <= 100 and mesh.colors.max() == mesh.colors.min() == GREY

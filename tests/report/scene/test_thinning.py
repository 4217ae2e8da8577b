"""A mesh of fewer faces looks like the one it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.mesh import Mesh
from mapper.report.scene.thinning import thinned

SIDE = 120


def hill(height: float = 0.2) -> Mesh:
    """A hill of 1 m by 1 m with a hole in it; red to the left, blue to the right."""
    u, v = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE))
    z = height * np.sin(np.pi * u) * np.sin(np.pi * v)
    vertices = np.stack([u, v, z], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    middle = vertices[corner, :2]
    corner = corner[np.abs(middle - 0.5).max(axis=1) > 0.2]
    near = [np.stack([corner, corner + 1, corner + SIDE], 1)]
    far = [np.stack([corner + 1, corner + SIDE + 1, corner + SIDE], 1)]
    faces = np.concatenate([*near, *far]).astype(np.int32)
    colors = np.where(vertices[:, :1] < 0.5, [[200, 0, 0]], [[0, 0, 200]]).astype(np.uint8)
    normals = np.tile(np.array([0, 0, 1], np.float32), (len(vertices), 1))
    return Mesh(vertices, faces, colors, normals)


def area(mesh: Mesh) -> np.ndarray:
    """The sum of the faces' normals, as long as they are large."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a).sum(axis=0) / 2


@pytest.mark.parametrize("most", [300, 2_000, 20_000])
def test_it_has_few_enough_faces_and_not_needlessly_few(most: int) -> None:
    found = thinned(hill(), most)
    assert most / 3 < len(found.faces) <= most
    assert found.faces.max() < len(found.vertices) == len(found.colors) == len(found.normals)


def test_shape_side_hole_and_colours_stay() -> None:
    before, found = hill(), thinned(hill(), 2_000)
    assert area(found) == pytest.approx(area(before), abs=0.06)  # up, and the hole is left out
    u, v, z = found.vertices.T.astype(np.float64)
    assert np.abs(z - 0.2 * np.sin(np.pi * u) * np.sin(np.pi * v)).max() < 0.01
    assert (found.colors[u < 0.45] == [200, 0, 0]).all()
    assert (found.colors[u > 0.55] == [0, 0, 200]).all()
    corners = np.sort(found.faces, axis=1)
    assert len(np.unique(corners, axis=0)) == len(corners)
    assert (np.diff(corners, axis=1) > 0).all()


def test_a_small_mesh_is_left_as_it_is() -> None:
    mesh = hill()
    assert thinned(mesh, len(mesh.faces)) is mesh

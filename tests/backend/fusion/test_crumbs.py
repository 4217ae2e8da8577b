"""Small pieces of surface that hang on nothing are left out of a mesh."""

from __future__ import annotations

import numpy as np

from mapper.backend.fusion.crumbs import without_crumbs
from mapper.core.mesh import Mesh


def squares(*sides: float) -> Mesh:
    """Squares apart from one another, of two triangles each; vertices are coloured by square."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    vertices = [side * corners + [10 * k, 0, 0] for k, side in enumerate(sides)]
    faces = [np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(len(sides))]
    colors = np.repeat(np.arange(len(sides), dtype=np.uint8), 4)[:, None].repeat(3, axis=1)
    return Mesh(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        colors,
        np.zeros((4 * len(sides), 3), np.float32),
    )


def test_pieces_of_less_area_go_and_the_others_keep_their_order() -> None:
    mesh = without_crumbs(squares(1.0, 0.05, 0.3, 0.09), 0.01)
    assert mesh.colors[:, 0].tolist() == [0] * 4 + [2] * 4
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    np.testing.assert_allclose(mesh.vertices[4:, 0], [20, 20.3, 20.3, 20], rtol=1e-6)
    assert len(mesh.normals) == 8


def test_the_largest_stays_however_small() -> None:
    mesh = without_crumbs(squares(0.05, 0.02), 0.01)
    assert mesh.colors[:, 0].tolist() == [0] * 4


def test_nothing_to_leave_out_leaves_the_mesh_as_it_is() -> None:
    mesh, empty = squares(1.0, 0.5), squares(1.0)
    empty = Mesh(empty.vertices[:0], empty.faces[:0], empty.colors[:0], empty.normals[:0])
    assert without_crumbs(mesh, 0.01) is mesh and without_crumbs(mesh, 0.0) is mesh
    assert without_crumbs(empty, 0.01) is empty

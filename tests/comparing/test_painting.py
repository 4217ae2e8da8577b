"""In the mesh of a comparison what vanished is added in red, and what appeared is green."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np

from mapper.backend.sessions.changes import Change, Changes
from mapper.comparing.compare import Comparison
from mapper.comparing.painting import APPEARED, VANISHED, painted
from mapper.core.mesh import Mesh


def strip(z: float) -> Mesh:
    """Two triangles that share an edge."""
    vertices = np.array([[0, 0, z], [1, 0, z], [0, 1, z], [1, 1, z]], np.float32)
    faces = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    return Mesh(vertices, faces, np.full((4, 3), 100, np.uint8), np.zeros((4, 3), np.float32))


def change(face: int) -> Change:
    return Change(np.array([face]), np.zeros(3), np.ones(3), 0.5)


def test_what_vanished_is_added_and_what_appeared_is_marked() -> None:
    found = SimpleNamespace(
        earlier_mesh=strip(5.0), later_mesh=strip(2.0), changes=Changes([change(1)], [change(0)])
    )
    mesh = painted(cast(Comparison, found))
    assert len(mesh.faces) == 3 and len(mesh.vertices) == 7
    np.testing.assert_array_equal(mesh.vertices[mesh.faces[2]], strip(5.0).vertices[[1, 3, 2]])
    colors = mesh.colors[mesh.faces]
    assert (colors[0] == APPEARED).all() and (colors[2] == VANISHED).all()
    assert (mesh.colors[3] == 140).all()  # grey, as it was no part of it


def test_where_nothing_differs_the_map_is_grey() -> None:
    found = SimpleNamespace(earlier_mesh=strip(5.0), later_mesh=strip(2.0), changes=Changes([], []))
    mesh = painted(cast(Comparison, found))
    assert len(mesh.faces) == 2 and (mesh.colors == 140).all()

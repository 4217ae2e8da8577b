"""A wall that was drawn twice is a ghost; the back of a board is none."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.checking.ghosts import find_ghosts
from mapper.core.mesh import Mesh

CONFIG = TsdfConfig(voxel_size=0.02)


def wall(z: float, facing: float = -1.0) -> Mesh:
    """A square of 2 m in the plane z, its normals along -z or, facing +1, along +z."""
    grid = np.linspace(-1, 1, 21)
    x, y = (each.ravel() for each in np.meshgrid(grid, grid))
    vertices = np.stack([x, y, np.full_like(x, z)], axis=1).astype(np.float32)
    corners = np.arange(21 * 21).reshape(21, 21)
    a, b, c, d = corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:]
    faces = np.concatenate(
        [np.stack(each, axis=-1).reshape(-1, 3) for each in ((a, c, b), (b, c, d))]
    ).astype(np.int32)
    if facing > 0:
        faces = faces[:, ::-1].copy()
    normals = np.tile(np.array([0, 0, facing], np.float32), (len(vertices), 1))
    return Mesh(vertices, faces, np.zeros((len(vertices), 3), np.uint8), normals)


def both(first: Mesh, second: Mesh) -> Mesh:
    faces = np.concatenate([first.faces, second.faces + len(first.vertices)]).astype(np.int32)
    parts = zip(
        (first.vertices, first.colors, first.normals),
        (second.vertices, second.colors, second.normals),
        strict=True,
    )
    vertices, colors, normals = (np.concatenate(each) for each in parts)
    return Mesh(vertices, faces, colors, normals)


def test_a_wall_behind_the_same_wall_is_a_ghost() -> None:
    found = find_ghosts(both(wall(2.0), wall(2.08)), CONFIG)
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert found.apart == pytest.approx(0.08, abs=1e-4)


def test_one_wall_a_board_and_a_wall_far_behind_are_none() -> None:
    for mesh in (wall(2.0), both(wall(2.0), wall(2.08, 1.0)), both(wall(2.0), wall(2.5))):
        assert find_ghosts(mesh, CONFIG).share == 0.0

"""Cells of a grid and distances in it."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.occupancy import (
    FREE,
    MARGIN,
    OCCUPIED,
    UNKNOWN,
    GridExtent,
    extent_of,
    occupancy,
    occupied_voxels,
    signed_distances,
)
from mapper.core.mesh import Mesh
from mapper.errors import InputError

EXTENT = GridExtent(np.array([0.0, 0.0, 0.1]), (10, 1, 4), 0.1)


def test_a_column_is_occupied_by_one_voxel_free_if_mostly_seen_and_else_unknown() -> None:
    occupied, passed = np.zeros(EXTENT.shape, bool), np.zeros(EXTENT.shape, np.uint8)
    passed[:, 0, 0] = 1
    passed[:, 0, 1] = 1
    occupied[3, 0, 1] = True
    passed[2:, 0, 2] = 1  # eight of ten
    passed[3:, 0, 3] = 1
    found = occupancy(EXTENT, occupied, passed)
    assert found.cells[0].tolist() == [FREE, OCCUPIED, FREE, UNKNOWN]
    assert found.voxels[:4, 0, 1].tolist() == [FREE, FREE, FREE, OCCUPIED]


def test_a_surface_occupies_the_voxels_it_passes_through() -> None:
    corners = np.array([[0.15, 0, 0.1], [0.15, 0.1, 0.1], [0.15, 0.1, 0.6], [0.15, 0, 0.6]])
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    mesh = Mesh(corners.astype(np.float32), faces, np.zeros((4, 3), np.uint8), np.zeros((4, 3)))
    occupied = occupied_voxels(EXTENT, mesh, np.eye(4))
    assert occupied[:5, 0, 1].all() and occupied.sum() == 5
    moved = np.eye(4)
    moved[0, 3] = 0.1  # from the world into the grid's frame
    assert occupied_voxels(EXTENT, mesh, moved)[:5, 0, 2].all()
    speck = Mesh(mesh.vertices * np.float32(0.05), faces, mesh.colors, mesh.normals)
    lifted = np.eye(4)
    lifted[:3, 3] = 0.15
    assert not occupied_voxels(EXTENT, speck, lifted).any()  # 1.2 cm2


def test_distances_are_to_the_sides_of_what_is_occupied() -> None:
    states = np.full((5, 7), FREE, np.uint8)
    states[:, 5:] = OCCUPIED
    states[0, 0] = UNKNOWN
    distances = signed_distances(states, 0.1)
    assert np.allclose(distances[2], [0.45, 0.35, 0.25, 0.15, 0.05, -0.05, -0.15])
    assert np.isnan(distances[0, 0]) and np.isfinite(distances).sum() == 34


def test_without_obstacles_distances_have_no_end() -> None:
    distances = signed_distances(np.array([[FREE, UNKNOWN]], np.uint8), 0.1)
    assert np.isinf(distances[0, 0]) and np.isnan(distances[0, 1])


def test_the_grid_holds_the_surface_between_the_heights_and_a_margin() -> None:
    points = np.array([[0.02, 0.31, 0.5], [1.01, -0.2, 1.0], [9.0, 9.0, 5.0]])
    extent = extent_of(points, 0.1, (0.1, 1.8))
    assert np.allclose(extent.low, [-0.1 * MARGIN, -0.2 - 0.1 * MARGIN, 0.1])
    assert extent.shape == (17, 6 + 2 * MARGIN, 11 + 2 * MARGIN)


@pytest.mark.parametrize(
    ("height", "far", "message"),
    [((3.0, 4.0), 1.0, "no surface"), ((0.0, 2.0), 900.0, "too large")],
)
def test_a_grid_of_nothing_or_of_too_much_is_refused(
    height: tuple[float, float], far: float, message: str
) -> None:
    points = np.array([[0.0, 0.0, 1.0], [far, far, 1.0]])
    with pytest.raises(InputError, match=message):
        extent_of(points, 0.05, height)

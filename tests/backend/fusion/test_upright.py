"""Which way is up in a map whose first camera was tilted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.fusion.upright import estimate_up
from mapper.core.mesh import Mesh


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

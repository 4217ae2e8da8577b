"""Where a source's world is in the map, about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.priors.fit import Compared, fitted_anchor
from mapper.core.geometry import pose
from mapper.core.sim3 import scale_of, similarity

RNG = np.random.default_rng(0)
LEVEL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # of a camera along x, z of the world up
S_WORLD_SOURCE = similarity(
    0.5, pose(Rotation.from_rotvec([0.5, -1.0, 2.0]).as_matrix(), np.array([1.0, 2.0, 3.0]))
)


def both(
    positions: np.ndarray, turned: np.ndarray, *, rotations: bool, wrong: float = 0.0
) -> Compared:
    """What map and source say of cameras; of a share of them the source is far off."""
    T = np.array([pose(R @ LEVEL, p) for R, p in zip(turned, positions, strict=True)])
    S = S_WORLD_SOURCE @ T
    S[:, :3, :3] /= 0.5
    said = positions + 0.05 * RNG.normal(size=positions.shape)
    said[RNG.random(len(said)) < wrong] += 30.0
    R = T[:, :3, :3] if rotations else None
    return Compared(S, said, R, np.full(len(said), 0.05), is_upright=True)


def about_up(count: int) -> np.ndarray:
    return Rotation.from_rotvec(RNG.normal(0, 0.2, (count, 1)) * [0, 0, 1.0]).as_matrix()


@pytest.mark.parametrize("rotations", [True, False])
def test_the_similarity_is_found_whatever_jumps(rotations: bool) -> None:
    way = np.cumsum(RNG.normal(size=(100, 3)), axis=0)
    found = fitted_anchor(both(way, about_up(100), rotations=rotations, wrong=0.3))
    assert scale_of(found) == pytest.approx(0.5, rel=0.05)
    turn = found[:3, :3].T @ S_WORLD_SOURCE[:3, :3] / (0.5 * scale_of(found))
    assert np.trace(turn) > 2.99
    np.testing.assert_allclose(found[:3, 3], S_WORLD_SOURCE[:3, 3], atol=0.3)


def test_rotations_alone_tell_how_it_is_turned() -> None:
    way = np.zeros((50, 3))
    known = both(way, about_up(50), rotations=True)
    found = fitted_anchor(Compared(known.T_world_camera, None, known.rotations, known.sigma))
    np.testing.assert_allclose(found[:3, :3], S_WORLD_SOURCE[:3, :3] / 0.5, atol=1e-6)


def test_along_a_straight_way_cameras_are_held_upright() -> None:
    way = np.outer(np.linspace(0, 50, 60), [0.9, 0.4, 0.05])
    found = fitted_anchor(both(way, about_up(60), rotations=False))
    up = found[:3, 2] / scale_of(found)
    true = S_WORLD_SOURCE[:3, 2] / 0.5
    assert np.degrees(np.arccos(up @ true)) < 5
    middle = np.append(way[30], 1)
    np.testing.assert_allclose((found @ middle)[:3], (S_WORLD_SOURCE @ middle)[:3], atol=0.2)

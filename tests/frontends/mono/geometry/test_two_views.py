"""Every direction of a motion is tried."""

from __future__ import annotations

import numpy as np

from mapper.frontends.mono.geometry import two_views
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.geometry.two_views import APART, likely_motions, rotation_between

FORWARD = np.array([0.02, 0.05, -0.03, 0.02, -0.01, -0.3])
SIDEWAYS = np.array([0.0, -0.08, 0.02, 0.3, 0.05, 0.02])


def rays(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    inside = points @ T[:, :3].T + T[:, 3]
    return inside / np.linalg.norm(inside, axis=1, keepdims=True)


def cloud(count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.column_stack(
        [rng.uniform(-1, 1, count), rng.uniform(-0.7, 0.7, count), rng.uniform(1.5, 4, count)]
    )


def test_the_best_is_the_true_motion() -> None:
    points = cloud()
    for twist in (FORWARD, SIDEWAYS):
        T = moved_pose(twist, np.eye(3, 4))
        found = likely_motions(rays(np.eye(3, 4), points), rays(T, points), 0.002)[0]
        along = found[:, 3] @ T[:, 3] / np.linalg.norm(T[:, 3])
        assert along > np.cos(np.radians(3))  # the rest is for the adjustment of all views
        turn = found[:, :3] @ T[:, :3].T
        assert np.arccos(min((np.trace(turn) - 1) / 2, 1)) < 0.02


def test_motions_are_apart_and_of_length_one() -> None:
    points = cloud()
    T = moved_pose(SIDEWAYS, np.eye(3, 4))
    found = likely_motions(rays(np.eye(3, 4), points), rays(T, points), 0.002)
    centres = np.stack([-M[:, :3].T @ M[:, 3] for M in found])
    assert np.allclose(np.linalg.norm(centres, axis=1), 1)
    cosines = np.abs(centres @ centres.T)[np.triu_indices(len(found), 1)]
    assert (cosines < np.cos(APART) + 1e-9).all()


def test_both_motions_before_a_plane_are_told() -> None:
    """A plane seen twice has a second motion; Malis and Vargas derive it from the homography, here
    it is enough that more than one of those told puts the rays of the plane in their planes."""
    points = cloud()
    points[:, 2] = 2.0 + 0.4 * points[:, 0]
    T = moved_pose(SIDEWAYS, np.eye(3, 4))
    a, b = rays(np.eye(3, 4), points), rays(T, points)
    off = []
    for found in likely_motions(a, b, 0.002):
        normal = np.cross(found[:, 3], a @ found[:, :3].T)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        off.append(float(np.median(np.abs((normal * b).sum(1)))))
    assert sorted(off)[1] < 0.002


def test_a_rotation_is_found_in_spite_of_wrong_rays() -> None:
    points = cloud()
    T = moved_pose(np.array([0.1, -0.2, 0.05, 0, 0, 0]), np.eye(3, 4))
    a, b = rays(np.eye(3, 4), points), rays(T, points)
    b[:80] = b[80:160]
    assert np.allclose(rotation_between(a, b), T[:, :3], atol=5e-3)


def test_derivatives_are_those_of_small_steps() -> None:
    rng = np.random.default_rng(0)
    a, b, t = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(3, 6, 3)))
    R = two_views._rotations(rng.normal(size=(6, 3)))
    off, J = two_views._beside(a, b, R, t)
    for k, step in enumerate(1e-6 * np.eye(5)):
        turned = two_views._rotations(np.tile(step[:3], (6, 1))) @ R
        moved = t + np.einsum("k,dki->di", step[3:], two_views._across(t))
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        other, _ = two_views._beside(a, b, turned, moved)
        assert np.allclose((other - off) / 1e-6, J[..., k], atol=1e-4)

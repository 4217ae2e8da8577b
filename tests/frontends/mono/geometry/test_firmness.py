"""How surely the cameras of a map stand where they are put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.frontends.mono.geometry.bundle import Scene, adjust
from mapper.frontends.mono.geometry.firmness import disagreement, place_uncertainty
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.mapping.firmness import PARTS_UNSURE
from tests.support.sparse_scene import LENS, SparseScene, pixels_of, sparse_scene


def adjusted(made: SparseScene) -> Scene:
    free = np.arange(len(made.poses)) > 0
    return adjust(Scene(made.lens, made.poses, made.points.copy(), free), made.seen, 20)


def test_parts_of_the_points_differ_by_what_the_covariance_says() -> None:
    """To a factor of two: it is of three differences only."""
    shares = []
    for seed in range(4):
        made = sparse_scene(views=6, count=200, noise=0.5, seed=seed)
        scene = adjusted(made)
        sure = place_uncertainty(scene, made.seen, 0.5, None)
        shares.append(disagreement(scene, made.seen, None) / sure)
    assert all(0.5 < share < 2 for share in shares)


@pytest.mark.parametrize(("factor", "is_told"), [(1.0, False), (1.1, True)])
def test_parts_differ_by_more_where_a_turning_camera_is_wrong(factor: float, is_told: bool) -> None:
    """A focal length that is off then is an error that near and far points do not share."""
    made = sparse_scene(views=6, count=200)
    twists = np.array([[0.01, -0.12, 0.01, -0.03, 0.005, 0.01]]) * np.arange(6)[:, None]
    poses = np.stack([moved_pose(twist, np.eye(3, 4)) for twist in twists])
    pixels = np.stack([pixels_of(LENS, T, made.points) for T in poses], axis=1)
    pixels += 0.3 * np.random.default_rng(0).standard_normal(pixels.shape)
    seen = replace(made.seen, pixels=pixels.reshape(-1, 2).copy())
    lens = replace(LENS, fx=factor * LENS.fx, fy=factor * LENS.fy)
    scene = adjusted(SparseScene(lens, poses, made.points, seen))
    assert scene.errors is not None
    rms = float(np.sqrt(np.mean(np.minimum(scene.errors, 2.5) ** 2) / 2))
    apart = disagreement(scene, seen, None)
    assert (apart > PARTS_UNSURE * place_uncertainty(scene, seen, rms, None)) == is_told


def test_next_to_nothing_says_nothing() -> None:
    made = sparse_scene(views=6, count=30)
    assert disagreement(adjusted(made), made.seen, None) == np.inf
    made = sparse_scene(views=2, count=200)
    assert disagreement(adjusted(made), made.seen, None) == np.inf


def test_exact_points_agree() -> None:
    made = sparse_scene(views=6, count=200)
    assert disagreement(adjusted(made), made.seen, None) == pytest.approx(0, abs=1e-4)

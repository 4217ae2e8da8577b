from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.geometry import exp_se3, inverse, rotation_angle, transform
from mapper.core.intrinsics import Intrinsics
from mapper.localization.pooled_matches import PooledMatches
from mapper.localization.refinement import largest_sigmas, refined

CAMERA = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
TRUE = exp_se3(np.array([0.1, -0.2, 0.05, 0.3, 0.1, -0.4]))  # T_world_camera
START = TRUE @ exp_se3(np.array([0.003, -0.002, 0.001, 0.004, 0.003, -0.002]))


def matches(noise: float = 0.0, count: int = 80) -> PooledMatches:
    """Points all over the image, 1 to 4 units away, seen by two keyframes in turn."""
    rng = np.random.default_rng(4)
    pixels = rng.uniform((0, 0), (640, 480), (count, 2))
    z = rng.uniform(1, 4, count)
    rays = np.column_stack([(pixels - (320, 240)) / 500, np.ones(count)])
    points = transform(TRUE, rays * z[:, None])
    pixels = pixels + noise * rng.standard_normal((count, 2))
    features = np.arange(count)
    return PooledMatches(points, pixels, features, features % 2, np.zeros((count, 3)))


def off(T: np.ndarray) -> tuple[float, float]:
    moved = inverse(TRUE) @ T
    return float(np.linalg.norm(moved[:3, 3])), rotation_angle(moved[:3, :3])


def test_exact_matches_give_the_exact_pose() -> None:
    found = refined(matches(), START, CAMERA)
    assert found is not None and max(off(found.T_world_camera)) < 1e-7


def test_the_focal_length_is_found_with_the_pose() -> None:
    wrong = replace(CAMERA, fx=504.0, fy=504.0)
    found = refined(matches(), START, wrong, with_focal=True)
    assert found is not None and found.camera.fx == pytest.approx(500.0, rel=1e-6)
    assert found.focal_sigma > 0 and max(off(found.T_world_camera)) < 1e-6


def test_it_says_how_far_off_it_may_be() -> None:
    found = refined(matches(noise=1.0), START, CAMERA)
    assert found is not None
    away, turned = off(found.T_world_camera)
    rotation, translation = largest_sigmas(found.covariance)
    assert away < 4 * translation < 0.05 and turned < 4 * rotation < 0.02


def test_a_point_whose_depth_is_not_known_pulls_less_across_its_ray() -> None:
    """Half of the points were seen from the side, and lie 20 cm off along those rays."""
    exact = matches()
    side = np.zeros((len(exact), 3))
    side[::2, 0] = 0.02
    lying = replace(exact, points=exact.points + side)
    trusted, told = refined(lying, TRUE, CAMERA), refined(replace(lying, spread=side), TRUE, CAMERA)
    assert trusted is not None and told is not None
    assert off(told.T_world_camera)[0] < 0.5 * off(trusted.T_world_camera)[0]


def test_too_few_matches_or_a_place_far_off_are_no_pose() -> None:
    assert refined(matches(count=5), TRUE, CAMERA) is None
    assert refined(matches(), TRUE @ exp_se3(np.array([0, 0.5, 0, 0, 0, 0])), CAMERA) is None

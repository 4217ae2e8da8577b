"""Similarities compose, invert and perturb as their matrices say."""

from __future__ import annotations

import gtsam
import numpy as np
import pytest
from scipy.linalg import expm

from mapper.core.geometry import exp_se3, inverse, pose, transform
from mapper.core.sim3 import (
    adjoint_sim3,
    exp_sim3,
    from_gtsam,
    inverse_similarity,
    log_sim3,
    rigid_part,
    scale_of,
    similarity,
    to_gtsam,
)

TANGENTS = [
    np.zeros(7),
    np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5, 0.4]),
    np.array([0.0, 0, 0, 1, 2, 3, -0.7]),  # no rotation
    np.array([-0.4, 0.2, 0.9, 3, 0, -1, 0.0]),  # no change of scale
    np.array([1e-7, 0, 0, 1e-7, 0, 0, 1e-7]),
    np.array([0.0, 2.8, 0.0, 5, -4, 3, -1.2]),
]


def generator(xi: np.ndarray) -> np.ndarray:
    """The element of the Lie algebra as a matrix: [[skew(omega) + lambda I, rho], [0, 0]]."""
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = np.cross(np.eye(3), xi[:3]) + xi[6] * np.eye(3)
    matrix[:3, 3] = xi[3:6]
    return matrix


@pytest.mark.parametrize("xi", TANGENTS)
def test_exp_is_the_matrix_exponential(xi: np.ndarray) -> None:
    np.testing.assert_allclose(exp_sim3(xi), expm(generator(xi)), atol=1e-9)


@pytest.mark.parametrize("xi", TANGENTS)
def test_log_undoes_exp(xi: np.ndarray) -> None:
    np.testing.assert_allclose(log_sim3(exp_sim3(xi)), xi, atol=1e-8)


def test_at_scale_one_the_tangent_is_that_of_poses() -> None:
    xi = TANGENTS[3]
    np.testing.assert_allclose(exp_sim3(xi), exp_se3(xi[:6]), atol=1e-12)


@pytest.mark.parametrize("xi", TANGENTS)
def test_the_adjoint_carries_a_perturbation_from_right_to_left(xi: np.ndarray) -> None:
    S, x = exp_sim3(xi), np.array([0.02, -0.01, 0.03, 0.05, 0.04, -0.02, 0.06])
    left = exp_sim3(adjoint_sim3(S) @ x) @ S
    np.testing.assert_allclose(left, S @ exp_sim3(x), atol=1e-9)


def test_the_adjoint_of_a_product_is_the_product_of_the_adjoints() -> None:
    A, B = exp_sim3(TANGENTS[1]), exp_sim3(TANGENTS[5])
    np.testing.assert_allclose(adjoint_sim3(A @ B), adjoint_sim3(A) @ adjoint_sim3(B), atol=1e-9)


def test_at_scale_one_the_adjoint_is_that_of_poses() -> None:
    T = exp_se3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5]))
    expected = gtsam.Pose3(T).AdjointMap()
    np.testing.assert_allclose(adjoint_sim3(T)[:6, :6], expected, atol=1e-12)


def test_inverses_undo_similarities_one_by_one_and_stacked() -> None:
    stack = np.stack([exp_sim3(xi) for xi in TANGENTS])
    inverses = inverse_similarity(stack)
    np.testing.assert_allclose(inverses @ stack, np.tile(np.eye(4), (len(stack), 1, 1)), atol=1e-9)
    for one, S in zip(inverses, stack, strict=True):
        np.testing.assert_allclose(one, inverse_similarity(S), atol=1e-12)
        np.testing.assert_allclose(scale_of(one), 1 / scale_of(S))


def test_the_inverse_of_a_pose_is_the_rigid_one() -> None:
    T = exp_se3(np.arange(6) / 5)
    np.testing.assert_allclose(inverse_similarity(T), inverse(T), atol=1e-12)


def test_a_similarity_scales_then_turns_then_moves() -> None:
    T = exp_se3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5]))
    S, x = similarity(2.5, T), np.array([0.3, 0.7, -1.1])
    np.testing.assert_allclose(transform(S, x), 2.5 * T[:3, :3] @ x + T[:3, 3])
    np.testing.assert_allclose(transform(inverse_similarity(S), transform(S, x)), x)


def test_scale_and_rigid_part_take_a_similarity_apart() -> None:
    T = exp_se3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5]))
    S = similarity(0.37, T)
    assert scale_of(S) == pytest.approx(0.37, rel=1e-12)
    np.testing.assert_allclose(rigid_part(S), T, atol=1e-12)
    stack = np.stack([S, similarity(4.0, T)])
    np.testing.assert_allclose(scale_of(stack), [0.37, 4.0])
    np.testing.assert_allclose(rigid_part(stack), np.stack([T, T]), atol=1e-12)


def test_the_parts_do_not_share_memory_with_the_whole() -> None:
    T = pose(np.eye(3), np.ones(3))
    similarity(3.0, T)
    S = similarity(3.0, T)
    rigid_part(S)[0, 3] = 9.0
    np.testing.assert_array_equal(T, pose(np.eye(3), np.ones(3)))
    np.testing.assert_array_equal(S[:3, :3], 3 * np.eye(3))
    assert S[0, 3] == 1.0


@pytest.mark.parametrize("xi", TANGENTS)
def test_the_way_through_gtsam_changes_nothing(xi: np.ndarray) -> None:
    S, points = exp_sim3(xi), np.random.default_rng(0).standard_normal((4, 3))
    np.testing.assert_allclose(from_gtsam(to_gtsam(S)), S, atol=1e-9)
    for point in points:  # GTSAM places its translation inside the scale
        np.testing.assert_allclose(to_gtsam(S).transformFrom(point), transform(S, point), atol=1e-9)


def test_products_agree_with_gtsams() -> None:
    A, B = exp_sim3(TANGENTS[1]), exp_sim3(TANGENTS[5])
    np.testing.assert_allclose(from_gtsam(to_gtsam(A).compose(to_gtsam(B))), A @ B, atol=1e-9)
    between = from_gtsam(to_gtsam(A).between(to_gtsam(B)))
    np.testing.assert_allclose(between, inverse_similarity(A) @ B, atol=1e-9)

"""An edge turned round or joined to the next one says the same as before."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.edge import HELD_SCALE, Edge, EdgeKind, composed
from mapper.backend.graph.graph_solver import squared_distance
from mapper.backend.loops.edge_measurement import MIN_INFORMATION
from mapper.core.geometry import exp_se3
from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
S_A = exp_sim3(np.array([0.2, -0.5, 0.7, 1.0, 2.0, -3.0, 0.6]))
S_B = exp_sim3(np.array([-0.6, 0.1, 0.4, 0.5, -1.0, 2.0, -0.3]))


def information(seed: int) -> np.ndarray:
    """A full matrix (7, 7) that mixes all directions."""
    root = np.random.default_rng(seed).standard_normal((7, 7))
    return root @ root.T + np.eye(7)


def covariance_by_differences(first: Edge, second: Edge) -> np.ndarray:
    """Of log((S S')^-1 S exp(x) S' exp(y)), by moving each component of x."""
    whole, step = first.S_i_j @ second.S_i_j, 1e-6
    columns = [
        log_sim3(inverse_similarity(whole) @ first.S_i_j @ exp_sim3(x) @ second.S_i_j) / step
        for x in step * np.eye(7)
    ]
    J = np.array(columns).T
    return J @ np.linalg.inv(first.information) @ J.T + np.linalg.inv(second.information)


@pytest.mark.parametrize("field", ["S_i_j", "information"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_number_that_is_none_makes_an_edge_useless(field: str, value: float) -> None:
    arrays = {"S_i_j": S_A.copy(), "information": information(0)}
    assert Edge(0, 1, kind=LOOP, **arrays).is_finite
    arrays[field][2, 3] = value
    assert not Edge(0, 1, kind=LOOP, **arrays).is_finite


def test_an_edge_turned_round_costs_the_same() -> None:
    edge = Edge(3, 5, S_A, information(1), LOOP)
    back = edge.reversed()
    assert (back.i, back.j, back.kind) == (5, 3, LOOP)
    # Small enough that the logarithm's curvature does not count.
    x = 1e-4 * np.array([1.0, -2, 3, 2, -1, 4, 2])
    a, b = S_B, S_B @ S_A @ exp_sim3(x)
    cost = squared_distance(edge, a, b, True)
    assert cost == pytest.approx(x @ edge.information @ x, rel=1e-3)
    assert squared_distance(back, b, a, True) == pytest.approx(cost, rel=1e-3)
    again = back.reversed()
    np.testing.assert_allclose(again.S_i_j, S_A, atol=1e-9)
    np.testing.assert_allclose(again.information, edge.information, atol=1e-7)


def test_two_edges_in_a_row_add_up_what_is_in_doubt() -> None:
    first, second = Edge(0, 1, S_A, information(2), LOOP), Edge(1, 4, S_B, information(3), LOOP)
    both = composed(first, second, ODOMETRY, free_scale=True)
    assert (both.i, both.j, both.kind) == (0, 4, ODOMETRY)
    np.testing.assert_allclose(both.S_i_j, S_A @ S_B, atol=1e-12)
    expected = np.linalg.inv(covariance_by_differences(first, second))
    np.testing.assert_allclose(both.information, expected, rtol=1e-4, atol=1e-5)


def test_a_scale_that_is_held_puts_nothing_in_doubt() -> None:
    T = exp_se3(np.array([0.1, -0.4, 0.3, 0.5, 0.2, -0.7]))
    known = np.diag([1e4] * 3 + [1e4] * 3 + [1e-6])  # of the scale nothing was measured
    both = composed(Edge(0, 1, T, known, LOOP), Edge(1, 2, T, known, LOOP), LOOP, False)
    variances = np.diag(np.linalg.inv(both.information))
    assert (variances[:3] < 3e-4).all() and (variances[3:6] < 5e-4).all()
    assert variances[6] < 1e-8


def test_edges_that_do_not_meet_are_not_joined() -> None:
    first, second = Edge(0, 1, S_A, np.eye(7), LOOP), Edge(2, 3, S_B, np.eye(7), LOOP)
    with pytest.raises(ValueError, match="0-1 and 2-3 do not meet"):
        composed(first, second, LOOP, True)


def test_a_doubted_edge_is_worth_less_until_it_is_confirmed() -> None:
    full = Edge(0, 1, np.eye(4), np.diag([1e4] * 3 + [1e4] * 3 + [1e6]), EdgeKind.LOOP)
    doubt = np.diag([0.0] * 3 + [0.3**2, 0.0, 0.0] + [0.0])
    edge = full.doubted(doubt)
    assert full.is_confirmed and not edge.is_confirmed
    covariance = np.linalg.inv(edge.information)
    np.testing.assert_allclose(covariance, np.linalg.inv(full.information) + doubt, atol=1e-9)
    assert edge.confirmed().is_confirmed
    np.testing.assert_allclose(edge.confirmed().information, full.information)


def test_a_doubted_edge_is_doubted_from_the_other_end_too() -> None:
    S = exp_sim3(np.array([0.2, -0.1, 0.3, 1.0, -0.5, 0.2, 0.0]))
    edge = Edge(0, 1, S, 1e4 * np.eye(7), EdgeKind.LOOP).doubted(0.04 * np.eye(7))
    turned = edge.reversed()
    assert not turned.is_confirmed
    back = turned.reversed().confirmed()
    np.testing.assert_allclose(back.information, edge.confirmed().information, rtol=1e-6, atol=1e-3)


def test_a_held_scale_leaves_digits_for_what_is_known_least() -> None:
    """More than a double has, and a graph that holds both finds no step: it stays where it is."""
    assert 1 / np.finfo(float).eps > HELD_SCALE / MIN_INFORMATION

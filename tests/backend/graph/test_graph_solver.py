"""One solve: which way an edge points, what it costs, and when it is given up."""

from __future__ import annotations

import logging

import gtsam
import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_problem import Problem, SolveOptions
from mapper.backend.graph.graph_solver import InProcess, Solution, solve, squared_distance
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.core.geometry import exp_se3
from mapper.core.sim3 import exp_sim3, inverse_similarity, similarity

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
S_I = exp_sim3(np.array([0.2, -0.5, 0.7, 1.0, 2.0, -3.0, 0.6]))
S_J = exp_sim3(np.array([-0.6, 0.1, 0.4, 0.5, -1.0, 2.0, -0.3]))
T_I, T_J = exp_se3(np.arange(6) / 5), exp_se3(-np.arange(6) / 3)
XI = np.array([0.01, -0.02, 0.03, 0.02, -0.01, 0.04, 0.02])


def root_information(seed: int = 0) -> np.ndarray:
    """A full information matrix (7, 7) that mixes all directions."""
    root = np.random.default_rng(seed).standard_normal((7, 7))
    return root @ root.T + np.eye(7)


class WorseOptimiser:
    """Answers with everything moved away by 9 units."""

    def __init__(
        self,
        graph: gtsam.NonlinearFactorGraph,
        values: gtsam.Values,
        parameters: gtsam.LevenbergMarquardtParams,
    ) -> None:
        self._moved = gtsam.Values(values)
        away = np.concatenate([np.zeros(3), np.full(3, 9.0), np.zeros(1)])
        for k in values.keys():
            self._moved.update(k, values.atSimilarity3(k).retract((k + 1) * away))

    def optimize(self) -> gtsam.Values:
        return self._moved


class SingularOptimiser(WorseOptimiser):
    """Raises what GTSAM raises where the equations cannot be solved."""

    def optimize(self) -> gtsam.Values:
        raise RuntimeError("Keyframe 1 is held by nothing\nand more lines")


@pytest.mark.parametrize(("free", "a", "b"), [(False, T_I, T_J), (True, S_I, S_J)])
def test_a_perfect_loop_edge_has_no_residual(free: bool, a: np.ndarray, b: np.ndarray) -> None:
    edge = Edge(0, 1, inverse_similarity(a) @ b, 1e6 * np.eye(7), LOOP)
    assert squared_distance(edge, a, b, free) == pytest.approx(0.0, abs=1e-12)
    solution = solve(Problem({0: a, 1: b}, [edge], SolveOptions(free, None, [0])))
    assert solution.error == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(solution.poses[1], b, atol=1e-9)


def test_an_edge_that_points_the_other_way_does_not_fit() -> None:
    edge = Edge(0, 1, inverse_similarity(S_J) @ S_I, np.eye(7), LOOP)
    assert squared_distance(edge, S_I, S_J, True) > 1.0


@pytest.mark.parametrize("free", [False, True])
def test_the_error_is_half_the_squared_perturbation_on_the_right(free: bool) -> None:
    # Small enough that the logarithm's curvature, about |xi| of it, does not count.
    a, b = (S_I, S_J) if free else (T_I, T_J)
    xi = 1e-3 * XI * ([1.0] * 6 + [float(free)])
    information = root_information()
    edge = Edge(0, 1, inverse_similarity(a) @ b, information, ODOMETRY)
    moved = b @ exp_sim3(xi)
    held = SolveOptions(free, None, [0, 1])  # both held: the error is that of the poses given
    error = solve(Problem({0: a, 1: moved}, [edge], held)).error
    assert error == pytest.approx(0.5 * xi @ information @ xi, rel=1e-3)
    assert squared_distance(edge, a, moved, free) == pytest.approx(2 * error, rel=1e-3)


def test_the_optimum_moves_by_what_the_edge_says() -> None:
    edge = Edge(0, 1, inverse_similarity(S_I) @ S_J, root_information(), ODOMETRY)
    start = {0: S_I, 1: S_J @ exp_sim3(XI)}
    solution = solve(Problem(start, [edge], SolveOptions(True, None, [0])))
    assert solution.error == pytest.approx(0.0, abs=1e-6) and not solution.fault
    np.testing.assert_allclose(solution.poses[0], S_I, atol=1e-6)
    np.testing.assert_allclose(solution.poses[1], S_J, atol=1e-4)


def test_where_scales_are_held_their_information_does_not_count() -> None:
    information = np.eye(7)
    information[6, 6] = 1e12
    edge = Edge(0, 1, inverse_similarity(T_I) @ T_J, information, ODOMETRY)
    moved = T_J @ exp_se3(XI[:6])
    assert squared_distance(edge, T_I, moved, False) == pytest.approx(XI[:6] @ XI[:6], rel=1e-6)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_information_that_is_not_finite_is_rolled_back(free: bool, value: float) -> None:
    information = np.eye(7)
    information[3, 3] = value
    edges = [
        Edge(0, 1, exp_se3(XI[:6]), np.eye(7), ODOMETRY),
        Edge(1, 2, np.eye(4), information, ODOMETRY),
    ]
    before = {k: exp_se3(np.full(6, 0.1 * k)) for k in range(3)}
    after = solve(Problem(before, edges, SolveOptions(free, None, [0])))
    assert after.fault
    for k, T in before.items():
        np.testing.assert_array_equal(after.poses[k], T)


@pytest.mark.parametrize(("name", "told"), [("Worse", "became"), ("Singular", "by nothing")])
def test_an_optimisation_that_diverges_is_rolled_back(
    name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimiser = {"Worse": WorseOptimiser, "Singular": SingularOptimiser}[name]
    monkeypatch.setattr(gtsam, "LevenbergMarquardtOptimizer", optimiser)
    edge = Edge(0, 1, exp_se3(XI[:6]), np.eye(7), ODOMETRY)
    before = {0: S_I, 1: S_J}
    after = solve(Problem(before, [edge], SolveOptions(True, None, [0])))
    assert told in after.fault
    assert after.error == pytest.approx(0.5 * squared_distance(edge, S_I, S_J, True))
    for k, S in before.items():
        np.testing.assert_array_equal(after.poses[k], S)


def test_a_measurement_that_is_not_finite_is_rolled_back() -> None:
    broken = np.eye(4)
    broken[0, 3] = np.nan
    before = {0: similarity(2.0, T_I), 1: S_J}
    after = solve(
        Problem(before, [Edge(0, 1, broken, np.eye(7), LOOP)], SolveOptions(True, None, [0]))
    )
    assert after.fault
    for k, S in before.items():
        np.testing.assert_array_equal(after.poses[k], S)


class FailingSolver(InProcess):
    def solve(self, problem, factors):
        return Solution(dict(problem.poses), 1.0, "error 1 became 2")


def test_the_graph_logs_what_was_rolled_back(caplog: pytest.LogCaptureFixture) -> None:
    graph = PoseGraph(solver=FailingSolver())
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, T_I)
    graph.add_edge(Edge(0, 1, T_J, np.eye(7), ODOMETRY))
    before = {k: T.copy() for k, T in graph.poses.items()}
    with caplog.at_level(logging.WARNING):
        graph.optimise()
    assert "rolled back: error 1 became 2" in caplog.text
    for k, T in before.items():
        np.testing.assert_array_equal(graph.poses[k], T)

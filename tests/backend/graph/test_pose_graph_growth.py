"""What a keyframe costs does not grow with the graph, and what is kept between solves is right."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph import pose_graph
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_problem import Kernel, Problem, SolveOptions
from mapper.backend.graph.graph_solver import (
    EdgeFactors,
    InProcess,
    Solver,
    solve,
    squared_distance,
    squared_distances,
)
from mapper.backend.graph.optimisation_schedule import OptimisationSchedule
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.core.sim3 import exp_sim3, inverse_similarity, scale_of

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
STEP = exp_sim3(np.array([0.0, 0.1, 0.0, 0.2, 0.0, 0.1, 0.001]))
INFORMATION = np.diag([1e6] * 3 + [1e4] * 3 + [1e4])
RIGID = np.array([1.0] * 6 + [0.0])


def chain(count: int, solver: Solver | None = None) -> PoseGraph:
    graph = PoseGraph(PoseGraphConfig(scale="free", window=4), solver)
    graph.add_pose(0, np.eye(4))
    for k in range(1, count):
        graph.add_pose(k, graph.poses[k - 1] @ STEP)
        graph.add_edge(Edge(k - 1, k, STEP, INFORMATION, ODOMETRY))
    return graph


def loop(graph: PoseGraph, i: int, j: int, sigmas: float) -> Edge:
    """A loop edge that is off by so many sigmas along x."""
    xi = np.array([0, 0, 0, sigmas / 100, 0, 0, 0])
    S_i_j = inverse_similarity(graph.poses[i]) @ graph.poses[j] @ exp_sim3(xi)
    return Edge(i, j, S_i_j, INFORMATION, LOOP)


def random_edges(count: int, rigid: bool) -> tuple[dict[int, np.ndarray], list[Edge]]:
    rng = np.random.default_rng(0)
    mask = RIGID if rigid else np.ones(7)
    poses = {k: exp_sim3(mask * rng.standard_normal(7) / 2) for k in range(count)}
    edges = []
    for k in range(1, count):
        root = rng.standard_normal((7, 7))
        information = root @ root.T + np.eye(7)
        edges.append(Edge(k - 1, k, exp_sim3(mask * rng.standard_normal(7) / 2), information, LOOP))
    return poses, edges


@pytest.mark.parametrize("free", [False, True])
def test_many_distances_are_those_of_each_edge(free: bool) -> None:
    poses, edges = random_edges(12, rigid=not free)
    expected = [squared_distance(e, poses[e.i], poses[e.j], free) for e in edges]
    found = squared_distances(poses, edges, EdgeFactors(free))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert min(expected) > 0.1


@pytest.mark.parametrize("free", [False, True])
def test_kept_factors_solve_as_fresh_ones_do_whatever_the_kernel_before(free: bool) -> None:
    poses, edges = random_edges(12, rigid=not free)
    edges.append(Edge(0, 11, np.eye(4), np.eye(7), LOOP))
    kept = EdgeFactors(free)
    for kernel in (Kernel("Huber", 0.5), None, Kernel("GemanMcClure", 2.0), None):
        problem = Problem(poses, edges, SolveOptions(free, kernel, (0,)))
        found, expected = solve(problem, kept), solve(problem)
        assert found.error == pytest.approx(expected.error, rel=1e-12)
        for k, S in expected.poses.items():
            np.testing.assert_allclose(found.poses[k], S, atol=1e-12)


def test_an_edge_that_went_does_not_answer_for_a_new_one() -> None:
    """Python gives the id of an object that is gone to the next."""
    factors = EdgeFactors(False)
    for k in range(50):
        factor = factors.of(Edge(k, k + 1, np.eye(4), np.eye(7), ODOMETRY))
        assert list(factor.keys()) == [k, k + 1]


def test_units_that_are_settled_late_reach_the_factors() -> None:
    graph = PoseGraph()
    graph.take_units(is_metric=False)
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, np.eye(4))
    S_0_1 = exp_sim3(np.array([0, 0, 0, 0, 0, 0, 0.5]))
    graph.add_edge(Edge(0, 1, S_0_1, INFORMATION, ODOMETRY))
    graph.optimise()
    np.testing.assert_allclose(graph.poses[1], S_0_1, atol=1e-6)


def test_only_the_component_that_moves_is_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(200)
    moved: list[np.ndarray] = []

    def counted(S: np.ndarray) -> np.ndarray:
        moved.append(S)
        return scale_of(S)

    monkeypatch.setattr(pose_graph, "scale_of", counted)
    graph.add_pose(200, np.eye(4))
    graph.add_edge(Edge(199, 200, STEP, INFORMATION, ODOMETRY))
    assert len(moved) == 1
    assert graph.component_of() == dict.fromkeys(range(201), 0) and graph.is_connected
    np.testing.assert_allclose(graph.poses[200], graph.poses[199] @ STEP, atol=1e-9)


def test_components_joined_in_any_order_are_one() -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    for k in range(6):
        graph.add_pose(k, np.eye(4))
    for i, j in ((4, 5), (2, 3), (5, 3), (0, 1)):
        graph.add_edge(Edge(i, j, STEP, INFORMATION, LOOP))
    assert graph.component_of() == {0: 0, 1: 0, 2: 2, 3: 2, 4: 2, 5: 2}
    assert not graph.is_connected
    graph.add_edge(Edge(3, 1, STEP, INFORMATION, LOOP))
    assert set(graph.component_of().values()) == {0}
    assert all(graph.squared_distance(edge) < 1e-12 for edge in graph.edges)


class CountingSolver(InProcess):
    """Notes the edges of each solve."""

    def __init__(self) -> None:
        self.solved: list[int] = []

    def solve(self, problem, factors):
        self.solved.append(len(problem.edges))
        return super().solve(problem, factors)


def test_the_final_pass_solves_once_where_its_choice_stands() -> None:
    solver = CountingSolver()
    graph = chain(8, solver)
    graph.add_edge(loop(graph, 0, 7, 1.0))
    graph.optimise(final=True)
    assert solver.solved == [8, 8, 8]  # Huber, Geman-McClure, once without a kernel


class CountingGraph(PoseGraph):
    """Counts optimisations of the whole."""

    whole = 0

    def optimise(self, final: bool = False) -> float:
        self.whole += 1
        return super().optimise(final)


def scheduled(count: int, every: int, share: float) -> list[int]:
    """Numbers of keyframes at which a chain is optimised as a whole."""
    graph = CountingGraph(PoseGraphConfig(scale="free", window=2))
    schedule, at = OptimisationSchedule(every, share), []
    for k in range(count):
        graph.add_pose(k, np.eye(4))
        edges = [Edge(k - 1, k, STEP, INFORMATION, ODOMETRY)] if k else []
        for edge in edges:
            graph.add_edge(edge)
        if schedule.run(graph, edges):
            at.append(k + 1)
    assert graph.whole == len(at)
    return at


def test_the_whole_is_optimised_now_and_then_and_more_rarely_as_it_grows() -> None:
    assert scheduled(21, every=5, share=0.0) == [5, 10, 15, 20]
    assert scheduled(41, every=5, share=0.5) == [5, 10, 19, 37]  # 9 of 19, 18 of 37


def test_the_whole_is_optimised_where_keyframes_are_let_go_as_fast_as_they_come() -> None:
    graph = CountingGraph(PoseGraphConfig(scale="free"))
    graph.add_pose(0, np.eye(4))
    schedule = OptimisationSchedule(every=5, share=0.0)
    assert [schedule.run(graph, []) for _ in range(10)] == ([False] * 4 + [True]) * 2


@pytest.mark.parametrize(("sigmas", "whole"), [(1.0, False), (8.0, False), (2000.0, True)])
def test_a_loop_that_its_neighbourhood_absorbs_moves_no_other(sigmas: float, whole: bool) -> None:
    """8 sigmas are far off, yet the drift of the steps in the window accounts for them.

    A wrong one is put to the whole graph, whose kernel gives it up.
    """
    graph = chain(60)
    schedule = OptimisationSchedule(every=1000, share=0.0)
    edge = loop(graph, 0, 59, sigmas)
    graph.add_edge(edge)
    before = {k: S.copy() for k, S in graph.poses.items()}
    assert schedule.run(graph, [edge]) is whole
    moved = max(float(np.abs(graph.poses[k] - before[k]).max()) for k in range(1, 55))
    assert moved < 1e-3
    assert graph.is_inlier(edge) is not whole

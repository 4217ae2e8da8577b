"""Edges that take the place of a keyframe that was culled: as certain as what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind, composed
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframe_culling import bypass_edges
from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
SIGMA = 3e-3  # rad and metres
INFORMATION = np.eye(7) / SIGMA**2
RETURN, KNOWN, LAST = 10, 3, 20  # keyframe 10 sees again what 3 saw


def random_edge(i: int, j: int, seed: int) -> Edge:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((7, 7))
    information = 1e6 * (root @ root.T + np.eye(7))
    return Edge(i, j, exp_sim3(0.7 * rng.standard_normal(7)), information, EdgeKind.LOOP)


def sampled(edge: Edge, rng: np.random.Generator) -> np.ndarray:
    """S_i_j as it may be in truth."""
    return edge.S_i_j @ exp_sim3(
        rng.multivariate_normal(np.zeros(7), np.linalg.inv(edge.information))
    )


def spread(edge: Edge, draws: list[np.ndarray]) -> np.ndarray:
    """Covariance (7, 7) of the draws about the edge, in units of the edge's own."""
    errors = np.array([log_sim3(inverse_similarity(edge.S_i_j) @ S) for S in draws])
    root = np.linalg.cholesky(edge.information)
    return np.cov((errors @ root).T)


def test_a_composed_edge_is_as_uncertain_as_its_parts_together() -> None:
    a, b = random_edge(0, 1, 1), random_edge(1, 2, 2)
    rng = np.random.default_rng(0)
    draws = [sampled(a, rng) @ sampled(b, rng) for _ in range(4000)]
    edge = composed(a, b, EdgeKind.COVISIBILITY, free_scale=True)
    assert (edge.i, edge.j, edge.kind) == (0, 2, EdgeKind.COVISIBILITY)
    np.testing.assert_allclose(spread(edge, draws), np.eye(7), atol=0.12)


def test_a_reversed_edge_is_as_uncertain() -> None:
    edge = random_edge(0, 1, 3)
    rng = np.random.default_rng(0)
    draws = [inverse_similarity(sampled(edge, rng)) for _ in range(4000)]
    assert (edge.reversed().i, edge.reversed().j) == (1, 0)
    np.testing.assert_allclose(spread(edge.reversed(), draws), np.eye(7), atol=0.12)


def test_a_scale_that_is_held_leaves_no_doubt_about_the_way_across() -> None:
    """An SE(3) edge knows nothing of scale; through a lever that must not reach the position."""
    information = np.diag([1e6] * 3 + [1e6] * 3 + [1e-6])
    S = exp_sim3(np.array([0.0, 0, 0, 5.0, 0, 0, 0]))
    a, b = (Edge(k, k + 1, S, information, EdgeKind.LOOP) for k in range(2))
    edge = composed(a, b, EdgeKind.COVISIBILITY, free_scale=False)
    assert edge.information[3, 3] == pytest.approx(5e5, rel=1e-2)  # twice the variance


def test_edges_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="do not meet"):
        composed(random_edge(0, 1, 1), random_edge(2, 3, 2), EdgeKind.LOOP, True)


def test_the_keyframe_that_holds_the_world_stays() -> None:
    graph = PoseGraph()
    graph.add_pose(0, np.eye(4))
    with pytest.raises(ValueError, match="holds the world"):
        graph.remove(0)


def walk() -> dict[int, np.ndarray]:
    """Ten steps ahead, back beside keyframe 3, and off to the side from there."""
    ahead = exp_sim3(np.array([0, 0.05, 0, 0.3, 0, 0, 0]))
    aside = exp_sim3(np.array([0.05, 0, 0, 0, 0.3, 0, 0]))
    poses = {k: np.linalg.matrix_power(ahead, k) for k in range(RETURN)}
    poses[RETURN] = poses[KNOWN] @ exp_sim3(np.array([0, 0.02, 0, 0.05, 0, 0.03, 0]))
    for k in range(RETURN + 1, LAST + 1):
        poses[k] = poses[k - 1] @ aside
    return poses


def graph_of(truth: dict[int, np.ndarray], seed: int = 0) -> PoseGraph:
    """The chain and the loops at the return, measured with noise."""
    rng = np.random.default_rng(seed)
    graph = PoseGraph(PoseGraphConfig(scale="fixed"))
    chain = [(k - 1, k, ODOMETRY) for k in range(1, LAST + 1)]
    loops = [(i, RETURN, LOOP) for i in (KNOWN - 1, KNOWN, KNOWN + 1)]
    for k, S in truth.items():
        graph.add_pose(k, S.copy())
    for i, j, kind in chain + loops:
        noise = exp_sim3(np.append(SIGMA * rng.standard_normal(6), 0.0))
        S_i_j = inverse_similarity(truth[i]) @ truth[j] @ noise
        graph.add_edge(Edge(i, j, S_i_j, INFORMATION, kind))
    graph.optimise()
    return graph


def let_go(graph: PoseGraph) -> list[Edge]:
    edges = list(bypass_edges(graph, KNOWN, RETURN))
    for edge in edges:
        graph.add_edge(edge)
    graph.remove(RETURN)
    return edges


def test_the_chain_passes_the_keyframe_and_is_trusted_still() -> None:
    graph = graph_of(walk())
    edges = {(edge.i, edge.j): edge.kind for edge in let_go(graph)}
    assert edges[RETURN - 1, RETURN + 1] == ODOMETRY
    assert edges[KNOWN, RETURN + 1] == edges[KNOWN, RETURN - 1] == EdgeKind.COVISIBILITY
    assert (KNOWN - 1, KNOWN) not in edges and (KNOWN, KNOWN + 1) not in edges  # it knows them


@pytest.mark.parametrize("shift", [0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_loop_does_not_outvote_what_was_let_go(shift: float, seed: int) -> None:
    truth = walk()
    graph = graph_of(truth, seed)
    let_go(graph)
    wrong = inverse_similarity(truth[6]) @ exp_sim3(np.array([0, 0, 0, shift, 0, 0, 0]))
    graph.add_edge(Edge(6, LAST, wrong @ truth[LAST], INFORMATION, LOOP))
    graph.optimise(final=True)
    errors = [np.linalg.norm((S - truth[k])[:3, 3]) for k, S in graph.poses.items()]
    assert max(errors) < 0.08
    assert not graph.is_inlier(graph.edges[-1])

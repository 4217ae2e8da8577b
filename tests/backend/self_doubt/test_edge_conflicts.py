"""Edges that contradict the poses, and cycles that do not close, by values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.self_doubt.edge_conflicts import closure, edge_conflicts, short_cycles
from mapper.core.geometry import pose

SIGMA = 0.01  # metres and radians, of each edge


def shift(x: float) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0.0, 0.0]))


def edge(i: int, j: int, x: float, kind: EdgeKind = EdgeKind.LOOP) -> Edge:
    return Edge(i, j, shift(x), np.eye(7) / SIGMA**2, kind)


def test_a_cycle_is_open_by_what_is_left_over_in_the_sigmas_of_all_its_edges() -> None:
    """1 + 1 against 2.3: 30 cm over, of three edges whose variances add up."""
    (cycle, *_) = short_cycles([edge(0, 2, 2.3), edge(0, 1, 1.0), edge(1, 2, 1.0)])
    left = closure(cycle, free_scale=False)
    assert (left.i, left.j) == (0, 2)
    assert left.fit.shift == pytest.approx(0.3) and left.fit.turn_deg == pytest.approx(0.0)
    assert left.sigmas == pytest.approx(0.3 / (np.sqrt(3) * SIGMA), rel=0.01)


def test_an_edge_is_led_around_backwards_too_and_the_shortest_way() -> None:
    edges = [edge(0, 3, 3.0), edge(1, 0, -1.0), edge(1, 3, 2.0), edge(1, 2, 1.0), edge(2, 3, 1.0)]
    cycle = short_cycles(edges)[0]
    assert [(e.i, e.j) for e in cycle] == [(0, 3), (0, 1), (1, 3)]
    assert closure(cycle, free_scale=False).fit.shift == pytest.approx(0.0, abs=1e-9)


def test_a_chain_has_no_cycle() -> None:
    assert short_cycles([edge(0, 1, 1.0), edge(1, 2, 1.0)]) == []


def test_an_edge_counts_that_is_off_by_sigmas_and_by_what_shows() -> None:
    graph = PoseGraph()
    for k in range(4):
        graph.add_pose(k, shift(k))
    chain = [edge(k, k + 1, 1.0, EdgeKind.ODOMETRY) for k in range(3)]
    sure = Edge(0, 2, shift(2.03), 1e8 * np.eye(7), EdgeKind.LOOP)  # 300 sigmas of 0.1 mm
    unsure = Edge(1, 3, shift(2.5), np.eye(7), EdgeKind.LOOP)  # 50 cm, half a sigma
    wrong = edge(0, 3, 3.4)
    for each in (*chain, sure, unsure, wrong):
        graph.add_edge(each)
    graph.poses.update({k: shift(k) for k in range(4)})
    found = edge_conflicts(graph, graph.poses)
    assert found.edges == 6
    assert [(e.i, e.j) for e in found.contradicted] == [(0, 3)]
    assert found.contradicted[0].fit.shift == pytest.approx(0.4)
    assert found.contradicted[0].sigmas == pytest.approx(40.0, rel=0.01)


def test_edges_of_keyframes_outside_the_map_are_not_judged() -> None:
    graph = PoseGraph()
    for k in range(3):
        graph.add_pose(k, shift(k))
    for each in (edge(0, 1, 1.0), edge(1, 2, 5.0)):
        graph.add_edge(each)
    assert edge_conflicts(graph, {0: shift(0), 1: shift(1)}).edges == 1

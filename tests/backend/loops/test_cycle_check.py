"""Edges that would look as right elsewhere count fully once another way between them says so."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.loops.cycle_check import MAX_HOPS, CycleCheck, Verdict
from mapper.core.geometry import exp_se3

STEP = 0.31  # metres, of the stairs
DOUBT = np.diag([0.1**2] * 3 + [0.4**2] * 3 + [0.0])  # more than a step


def edge(i: int, j: int, off: float = 0.0, sigma: float = 0.01, kind: str = "covisibility") -> Edge:
    """Keyframes climb by one step each; off: metres that the edge is wrong."""
    S = np.eye(4)
    S[0, 3] = STEP * (j - i) + off
    information = np.diag([1e6] * 3 + [sigma**-2] * 3 + [1e6])
    return Edge(i, j, S, information, EdgeKind(kind))


def doubted(i: int, j: int, off: float = 0.0) -> Edge:
    return edge(i, j, off).doubted(DOUBT)


def stairs(edges: Iterable[Edge], keyframes: int = 8, sigma: float = 0.01) -> PoseGraph:
    """A chain of odometry, and more edges."""
    graph = PoseGraph()
    graph.take_units(True)
    for k in range(keyframes):
        graph.add_pose(k, np.eye(4))
    for k in range(keyframes - 1):
        graph.add_edge(edge(k, k + 1, sigma=sigma, kind="odometry"))
    for each in edges:
        graph.add_edge(each)
    return graph


def test_a_jump_of_one_step_is_refused_where_the_chain_knows_better() -> None:
    check = CycleCheck(stairs([]))
    assert check.admitted(doubted(0, 2, STEP), DOUBT) is None
    right = check.admitted(doubted(0, 2), DOUBT)
    assert right is not None and right.is_confirmed


def test_edges_of_one_mistake_do_not_confirm_each_other() -> None:
    """All of them skip a step, and agree with one another; the chain is too loose to tell."""
    wrong = [doubted(i, j, STEP) for i in (0, 1) for j in (4, 5)]
    graph = stairs(wrong, sigma=0.2)
    check = CycleCheck(graph)
    for each in [*wrong, doubted(1, 6, STEP)]:
        assert check.verdict(each) == Verdict.OPEN
    check.watch(wrong)
    review = check.review(5)
    assert not review.confirmed and not review.withdrawn
    assert not any(e.is_confirmed for e in graph.edges if e.kind == EdgeKind.COVISIBILITY)


def test_an_edge_gains_its_weight_when_a_later_neighbour_confirms_it() -> None:
    waiting = doubted(0, 4)
    graph = stairs([waiting], sigma=0.2)
    check = CycleCheck(graph)
    check.watch([waiting])
    assert not check.review(4).confirmed
    graph.add_edge(edge(0, 5, sigma=0.005))
    graph.add_edge(edge(4, 5, sigma=0.005))
    (confirmed,) = check.review(5).confirmed
    assert graph.holds(confirmed) and not graph.holds(waiting)
    np.testing.assert_allclose(confirmed.information, edge(0, 4).information, rtol=1e-6)
    assert not check.review(5).confirmed  # once


def test_an_edge_is_taken_back_when_later_ones_contradict_it() -> None:
    waiting = doubted(0, 4, STEP)
    graph = stairs([waiting], sigma=0.2)
    check = CycleCheck(graph)
    check.watch([waiting])
    assert not check.review(4).withdrawn
    graph.add_edge(edge(0, 5))
    graph.add_edge(edge(4, 5))
    review = check.review(5)
    assert review.withdrawn == [waiting] and not graph.holds(waiting)
    assert waiting not in graph.edges_at(0) and waiting not in graph.edges_at(4)


def test_a_step_of_the_chain_that_is_contradicted_stays_doubted() -> None:
    graph = stairs([])
    (step,) = (e for e in graph.edges if (e.i, e.j) == (3, 4))
    jumped = edge(3, 4, STEP, kind="odometry").doubted(DOUBT)
    graph.exchange(step, jumped)
    graph.add_edge(edge(2, 4))
    check = CycleCheck(graph)
    check.watch([jumped])
    review = check.review(4)
    assert not review.withdrawn and not review.confirmed and graph.holds(jumped)


def test_an_edge_whose_own_evidence_holds_waits_where_it_is_contradicted() -> None:
    check = CycleCheck(stairs([]))
    taken = check.admitted(edge(0, 2, STEP), DOUBT)
    assert taken is not None and not taken.is_confirmed
    np.testing.assert_allclose(taken.confirmed().information, edge(0, 2).information)


@pytest.mark.parametrize(("hops", "verdict"), [(0, Verdict.CONFIRMED), (1, Verdict.OPEN)])
def test_ways_around_are_short(hops: int, verdict: Verdict) -> None:
    graph = stairs([], keyframes=12, sigma=0.002)
    assert CycleCheck(graph).verdict(doubted(0, MAX_HOPS + hops)) == verdict


def test_the_surest_way_is_asked() -> None:
    """By one short, loose edge 0-3 would be a step off; by the chain it is not."""
    graph = stairs([edge(0, 2, STEP, sigma=1.0)])
    assert CycleCheck(graph).verdict(doubted(0, 3)) == Verdict.CONFIRMED


def test_edges_may_be_walked_either_way() -> None:
    turned = Edge(
        4, 1, exp_se3(np.array([0, 0, 0, -3 * STEP, 0, 0])), np.eye(7) * 1e6, EdgeKind.LOOP
    )
    graph = PoseGraph()
    graph.take_units(True)
    for k in range(5):
        graph.add_pose(k, np.eye(4))
    graph.add_edge(edge(0, 1))
    graph.add_edge(turned)
    assert CycleCheck(graph).verdict(doubted(0, 4)) == Verdict.CONFIRMED
    assert CycleCheck(graph).verdict(doubted(0, 4, STEP)) == Verdict.CONTRADICTED

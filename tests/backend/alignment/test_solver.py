"""Steps lower the cost, and move nothing that is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import State
from mapper.backend.alignment.matching import Matches, compared_at, match
from mapper.backend.alignment.residuals import POSE, Weighting
from mapper.backend.alignment.solver import Problem, linearised, optimise
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.sim3 import adjoint_sim3, exp_sim3, inverse_similarity, log_sim3, scale_of
from tests.support.plane_views import LAYOUT, all_pairs, moved, plane_map, state_of, views_of

TRUTH = (moved(), moved(0.12, 0.03, yaw=-0.03), moved(-0.1, 0.08, 0.05, pitch=0.02))
OFF = (np.zeros(7), [0.01, -0.015, 0.01, 0.02, -0.03, 0.02, 0.03], [0, 0.01, -0.01, 0, 0.02, 0, 0])


@dataclass(frozen=True, slots=True)
class Start:
    problem: Problem
    state: State
    matches: Matches


@pytest.fixture(scope="module")
def start() -> Start:
    """Three views of a plane, about two pixels and 3 % of scale off; the first is held."""
    views = views_of([plane_map(T) for T in TRUTH])
    state = state_of([T @ exp_sim3(np.array(x)) for T, x in zip(TRUTH, OFF, strict=True)])
    weighting = Weighting(1.0, 0.018, 6.0, False)
    problem = Problem(
        views, all_pairs(3), LAYOUT, weighting, EdgeTerms([], 1.0), 0.03, True, [0], False
    )
    return Start(problem, state, match(views, state, all_pairs(3), LAYOUT))


def error(S: torch.Tensor) -> float:
    """The largest entry of the logarithm of what the poses are off by."""
    offs = [log_sim3(inverse_similarity(T) @ s) for T, s in zip(TRUTH, S.numpy(), strict=True)]
    return float(np.abs(offs).max())


def test_the_poses_come_back(start: Start) -> None:
    state, costs, damping = optimise(start.problem, start.state, start.matches, 10)
    assert error(start.state.S) > 0.029
    # Matches are right to 0.03 of a pixel, 0.4 mm on the plane; scale and depth give the rest.
    assert error(state.S) < 0.003
    # From two sigmas to a twentieth of one.
    assert costs[1] < 0.05 * costs[0] and damping < 1e-4


@pytest.mark.parametrize("damping", [1e-7, 1e-2, 10.0])
@pytest.mark.parametrize("ray", [False, True])
def test_no_step_raises_the_cost(start: Start, damping: float, ray: bool) -> None:
    problem = replace(
        start.problem, weighting=replace(start.problem.weighting, ray=ray), refine_focal=True
    )
    state = start.state
    for _ in range(4):
        compared = compared_at(problem.views, state, start.matches, LAYOUT)
        moved_on, costs, damping = optimise(problem, state, start.matches, 1, damping)
        if moved_on is state:
            break
        assert costs[1] < costs[0]
        before, after = (linearised(problem, s, compared).cost for s in (state, moved_on))
        assert after < before
        state = moved_on
    assert state is not start.state


def test_where_no_step_helps_nothing_moves(start: Start) -> None:
    settled, _, _ = optimise(start.problem, start.state, start.matches, 40)
    again, costs, _ = optimise(start.problem, settled, start.matches, 3)
    # The last step changed the cost by less than 1e-3 of it.
    assert costs[0] - costs[1] < 2e-3 * costs[0]
    torch.testing.assert_close(again.S, settled.S, rtol=0, atol=1e-3)


@pytest.mark.parametrize("fixed", [[0], [1, 2]])
def test_fixed_rows_do_not_move(start: Start, fixed: Sequence[int]) -> None:
    state, _, _ = optimise(replace(start.problem, fixed=fixed), start.state, start.matches, 4)
    change = (state.S - start.state.S).abs().flatten(1).amax(1)
    free = [row for row in range(3) if row not in fixed]
    # Held by an information of 1e12 against some 1e6 of the matches.
    assert (change[list(fixed)] < 1e-6).all() and (change[free] > 1e-3).all()


def test_scales_stay_where_they_are_not_free(start: Start) -> None:
    state, costs, _ = optimise(
        replace(start.problem, free_scale=False), start.state, start.matches, 4
    )
    np.testing.assert_allclose(
        scale_of(state.S.numpy()), scale_of(start.state.S.numpy()), rtol=1e-6
    )
    assert costs[1] < costs[0]


def test_without_a_correction_the_grids_stay_zero(start: Start) -> None:
    held = replace(start.problem, correction_sigma=0.0)
    state, _, _ = optimise(held, start.state, start.matches, 4)
    assert state.grids.abs().max() < 1e-6
    free, _, _ = optimise(start.problem, start.state, start.matches, 4)
    assert free.grids.abs().max() > 1e-4


def test_the_focal_length_stays_unless_it_is_refined(start: Start) -> None:
    state, _, _ = optimise(start.problem, start.state, start.matches, 4)
    assert float(state.log_focal) == 0.0


def test_edges_alone_pull_the_poses_to_where_they_say(start: Start) -> None:
    """No matches: two edges hold three poses, and their residuals vanish."""
    apart = state_of([moved(), moved(yaw=np.pi), moved(100.0)])
    none = match(start.problem.views, apart, all_pairs(3), LAYOUT)
    assert len(none.found) == 0
    edges = [
        Edge(i, j, inverse_similarity(TRUTH[i]) @ TRUTH[j], 1e4 * np.eye(7), EdgeKind.ODOMETRY)
        for i, j in ((0, 1), (2, 1))
    ]
    problem = replace(start.problem, edges=EdgeTerms(edges, 0.5))
    state, costs, _ = optimise(problem, start.state, none, 20)
    assert error(state.S) < 1e-4
    assert costs[1] < 1e-6 * costs[0]


def test_the_derivatives_of_an_edge_are_those_of_its_residual() -> None:
    """At zero residual, by central differences in double: 1e-6 leaves six digits."""
    S = np.stack([T @ exp_sim3(np.array(x)) for T, x in zip(TRUTH, OFF, strict=True)])
    information = np.diag([1.0, 2, 3, 4, 5, 6, 7])
    edge = Edge(0, 1, inverse_similarity(S[0]) @ S[1], information, EdgeKind.LOOP)
    (i, j, H, g) = EdgeTerms([edge], 2.0).blocks(S, POSE + 12)[0]
    assert (i, j) == (0, 1) and np.abs(g).max() < 1e-9
    quotient = np.zeros((7, 14))
    for k in range(14):
        ahead, behind = (_nudged(S, k // 7, k % 7, step) for step in (1e-6, -1e-6))
        change = [
            log_sim3(inverse_similarity(edge.S_i_j) @ inverse_similarity(x[0]) @ x[1])
            for x in (ahead, behind)
        ]
        quotient[:, k] = (change[0] - change[1]) / 2e-6
    places = np.r_[0:7, 19:26]
    expected = quotient.T @ (2.0 * information) @ quotient
    np.testing.assert_allclose(H[np.ix_(places, places)], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        quotient[:, :7], -adjoint_sim3(inverse_similarity(edge.S_i_j)), atol=1e-6
    )


def _nudged(S: np.ndarray, row: int, axis: int, step: float) -> np.ndarray:
    result = S.copy()
    result[row] = S[row] @ exp_sim3(step * np.eye(7)[axis])
    return result

"""Steps lower the cost, and move nothing that is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from pypose import LieTensor
from reference.alignment_solver import gtsam_step

from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import State
from mapper.backend.alignment.matching import Matches, compared_at, match
from mapper.backend.alignment.normal_equations import assemble
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.residuals import Weighting
from mapper.backend.alignment.similarities import log, similarities
from mapper.backend.alignment.solver import optimise
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.core.sim3 import exp_sim3, inverse_similarity
from tests.support.plane_views import CPU, all_pairs, moved, plane_map, state_of, views_of

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
        views, all_pairs(3), weighting, EdgeTerms([], 1.0, CPU), 0.03, True, [0], False
    )
    return Start(problem, state, match(views, state, all_pairs(3)))


def error(S: LieTensor) -> float:
    """The largest entry of the logarithm of what the poses are off by."""
    return float(log(similarities(np.stack(TRUTH), CPU).Inv() @ S).abs().max())


def test_the_poses_come_back(start: Start) -> None:
    state, costs, damping = optimise(start.problem, start.state, start.matches, 10)
    assert error(start.state.S_world_view) > 0.029
    # Matches are right to 0.03 of a pixel, 0.4 mm on the plane; scale and depth give the rest.
    assert error(state.S_world_view) < 0.003
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
        compared = compared_at(problem.views, state, start.matches)
        moved_on, costs, damping = optimise(problem, state, start.matches, 1, damping)
        if moved_on is state:
            break
        assert costs[1] < costs[0]
        before, after = (problem.linearised(s, compared).cost for s in (state, moved_on))
        assert after < before
        state = moved_on
    assert state is not start.state


def test_where_no_step_helps_nothing_moves(start: Start) -> None:
    settled, _, _ = optimise(start.problem, start.state, start.matches, 40)
    again, costs, _ = optimise(start.problem, settled, start.matches, 3)
    # The last step changed the cost by less than 1e-3 of it.
    assert costs[0] - costs[1] < 2e-3 * costs[0]
    torch.testing.assert_close(
        again.S_world_view.matrix(), settled.S_world_view.matrix(), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("fixed", [[0], [1, 2]])
def test_fixed_rows_do_not_move(start: Start, fixed: Sequence[int]) -> None:
    state, _, _ = optimise(replace(start.problem, fixed=fixed), start.state, start.matches, 4)
    change = (
        (state.S_world_view.matrix() - start.state.S_world_view.matrix()).abs().flatten(1).amax(1)
    )
    free = [row for row in range(3) if row not in fixed]
    # Held by an information of 1e12 against some 1e6 of the matches.
    assert (change[list(fixed)] < 1e-6).all() and (change[free] > 1e-3).all()


def test_scales_stay_where_they_are_not_free(start: Start) -> None:
    state, costs, _ = optimise(
        replace(start.problem, free_scale=False), start.state, start.matches, 4
    )
    torch.testing.assert_close(
        state.S_world_view.scale(), start.state.S_world_view.scale(), rtol=1e-6, atol=0
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
    none = match(start.problem.views, apart, all_pairs(3))
    assert len(none.found) == 0
    edges = [
        Edge(i, j, inverse_similarity(TRUTH[i]) @ TRUTH[j], 1e4 * np.eye(7), EdgeKind.ODOMETRY)
        for i, j in ((0, 1), (2, 1))
    ]
    problem = replace(start.problem, edges=EdgeTerms(edges, 0.5, CPU))
    state, costs, _ = optimise(problem, start.state, none, 20)
    assert error(state.S_world_view) < 1e-4
    assert costs[1] < 1e-6 * costs[0]


def test_a_system_that_is_singular_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the damping: nothing holds anything."""
    monkeypatch.setattr("mapper.backend.alignment.normal_equations.STILL", -1e20)
    with pytest.raises(RuntimeError, match="singular"):
        optimise(start.problem, start.state, start.matches, 2)


@pytest.mark.parametrize("refine_focal", [False, True])
def test_a_step_is_what_gtsam_makes_of_one_factor_for_each_term(
    start: Start, refine_focal: bool
) -> None:
    edge = Edge(0, 1, inverse_similarity(TRUTH[0]) @ TRUTH[1], 4e4 * np.eye(7), EdgeKind.ODOMETRY)
    edges = EdgeTerms([edge], 0.5, CPU)
    problem = replace(start.problem, edges=edges, refine_focal=refine_focal)
    generator = torch.Generator().manual_seed(2)
    grids = 0.02 * torch.randn((3, 12), generator=generator, dtype=torch.float64)
    state = replace(start.state, grids=grids, log_focal=torch.tensor(0.1, dtype=torch.float64))
    blocks = problem.linearised(state, start.matches)
    for damping in (1e-7, 1e-2):
        ours = assemble(problem, state, blocks).step(damping)
        theirs = gtsam_step(problem, state, blocks, damping)
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
        assert bool(ours[1]) == refine_focal and ours[0].abs().max() > 1e-3

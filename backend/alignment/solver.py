"""Levenberg-Marquardt over all keyframes: blocks by torch, the sparse solve by GTSAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import gtsam
import numpy as np
import torch

from mapper.backend.alignment.blocks import Blocks, build_blocks, total_cost
from mapper.backend.alignment.correction import prior_information
from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Layout, State
from mapper.backend.alignment.matching import Matches, Pairs, compared_at
from mapper.backend.alignment.residuals import POSE, Weighting
from mapper.backend.alignment.views import Views
from mapper.core.sim3 import exp_sim3

HELD = 1e12  # information on what does not move
STILL = 1e-4  # ... on each step: what no residual holds would follow the rounding of its gradient
FOCAL_SIGMA = 0.2  # of the log focal length, when it is refined
MAX_TRIALS = 5
SMALL_GAIN = 1e-3  # of the cost: a step that gains less is a round's last


@dataclass(frozen=True, slots=True)
class Problem:
    """views, pairs, layout, weighting: see there. edges: of the pose graph, by row of the views.

    correction_sigma: log depth; 0 = none. free_scale: Sim(3).
    fixed: rows that stay where they are. refine_focal: see GlobalAlignmentConfig.
    """

    views: Views
    pairs: Pairs
    layout: Layout
    weighting: Weighting
    edges: EdgeTerms
    correction_sigma: float
    free_scale: bool
    fixed: Sequence[int]
    refine_focal: bool


def optimise(
    problem: Problem, state: State, matches: Matches, steps: int, damping: float = 1e-4
) -> tuple[State, tuple[float, float], float]:
    """(the state after at most `steps` accepted steps, the cost at the start and what they left
    of it, the damping to go on with). A step that raises the cost is undone and tried shorter.

    A step is judged on the residuals that there were before it: those that come and go with the
    poses would have most steps refused. Which depths are compared is seen anew after each.
    """
    first, left = 0.0, 1.0
    for number in range(steps):
        matches = compared_at(problem.views, state, matches, problem.layout)
        blocks = linearised(problem, state, matches)
        before = blocks.cost + _prior_cost(problem, state)
        first = before if number == 0 else first
        tried = damping
        for _ in range(MAX_TRIALS):
            moved = _moved(problem, state, _solve(problem, state, blocks, tried))
            after = _correspondence_cost(problem, moved, matches) + _prior_cost(problem, moved)
            if np.isfinite(after) and after < before:
                break
            tried *= 10
        else:
            break  # nothing helped: what that took must not cripple the next round's steps
        state, damping = moved, max(tried / 10, 1e-7)
        left *= after / before
        if after > (1 - SMALL_GAIN) * before:
            break
    return state, (first, left * first), damping


def linearised(problem: Problem, state: State, matches: Matches) -> Blocks:
    """Normal equations of the correspondences alone."""
    return build_blocks(
        problem.views, state, problem.pairs, matches, problem.layout, problem.weighting
    )


def _correspondence_cost(problem: Problem, state: State, matches: Matches) -> float:
    return total_cost(problem.views, state, matches, problem.layout, problem.weighting)


def _solve(problem: Problem, state: State, blocks: Blocks, damping: float) -> np.ndarray:
    """The step (N, 7 + G), with the log focal length's in the last entry of row N if refined."""
    step = _solve_blocks(problem, state, blocks, blocks.b, damping, True)
    if not problem.refine_focal:
        return np.vstack((step, np.zeros_like(step[:1])))
    column = _solve_blocks(problem, state, blocks, blocks.focal, damping, False)
    i, j = problem.pairs.i.cpu().numpy(), problem.pairs.j.cpu().numpy()

    def along(x: np.ndarray) -> float:
        return float((blocks.focal * np.concatenate((x[i], x[j]), 1)).sum())

    prior = 1 / FOCAL_SIGMA**2
    gradient = blocks.focal_b + prior * float(state.log_focal) + along(step)
    change = -gradient / (blocks.focal_H * (1 + damping) + prior + along(column))
    last = np.zeros_like(step[:1])
    last[0, -1] = change
    return np.vstack((step + change * column, last))


def _solve_blocks(
    problem: Problem,
    state: State,
    blocks: Blocks,
    b: np.ndarray,
    damping: float,
    with_priors: bool,
) -> np.ndarray:
    """x (N, 7 + G) with H x = -b. with_priors: the priors' gradients count too."""
    size = blocks.H.shape[1] // 2
    graph = gtsam.GaussianFactorGraph()
    pairs = zip(problem.pairs.i.tolist(), problem.pairs.j.tolist(), strict=True)
    for (i, j), H, g in zip(pairs, blocks.H, b, strict=True):
        graph.add(_pair_factor(i, j, H, g))
    gain = 1.0 if with_priors else 0.0
    for i, j, H, g in problem.edges.blocks(state.S.cpu().numpy(), size):
        graph.add(_pair_factor(i, j, H, gain * g))
    diagonal = _diagonal(problem, blocks)
    for row, (H, g) in enumerate(_priors(problem, state, size)):
        H = H + np.diag(damping * diagonal[row] + STILL)
        graph.add(gtsam.HessianFactor(row, H, -gain * g, 0.0))
    solved = graph.optimize()
    return np.stack([solved.at(row) for row in range(len(problem.views))])


def _diagonal(problem: Problem, blocks: Blocks) -> np.ndarray:
    """(N, 7 + G): the sum of the blocks' diagonals, which scales the damping (Marquardt)."""
    size = blocks.H.shape[1] // 2
    own = np.diagonal(blocks.H, axis1=1, axis2=2)
    total = np.zeros((len(problem.views), size))
    np.add.at(total, problem.pairs.i.cpu().numpy(), own[:, :size])
    np.add.at(total, problem.pairs.j.cpu().numpy(), own[:, size:])
    return total


def _priors(problem: Problem, state: State, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(information (7 + G, 7 + G), gradient (7 + G,)) of each view by itself."""
    layout = problem.layout
    grids = state.grids.cpu().numpy()
    shared = np.zeros((size, size))
    if problem.correction_sigma > 0:
        shared[POSE:, POSE:] = prior_information(
            layout.columns, layout.rows, problem.correction_sigma
        )
    else:
        shared[POSE:, POSE:] = HELD * np.eye(size - POSE)
    if not problem.free_scale:
        shared[POSE - 1, POSE - 1] = HELD
    priors = []
    for row in range(len(problem.views)):
        H, g = shared.copy(), np.zeros(size)
        if problem.correction_sigma > 0:
            g[POSE:] = H[POSE:, POSE:] @ grids[row]
        if row in problem.fixed:
            H[:POSE, :POSE] += HELD * np.eye(POSE)
        priors.append((H, g))
    return priors


def _pair_factor(i: int, j: int, H: np.ndarray, g: np.ndarray) -> gtsam.HessianFactor:
    """0.5 x^T H x + g^T x over the two views; GTSAM writes the gradient with the other sign."""
    size = len(g) // 2
    return gtsam.HessianFactor(
        i, j, H[:size, :size], H[:size, size:], -g[:size], H[size:, size:], -g[size:], 0.0
    )


def _prior_cost(problem: Problem, state: State) -> float:
    """Of the focal length, the corrections and the edges."""
    cost = 0.5 * float(state.log_focal) ** 2 / FOCAL_SIGMA**2
    if problem.correction_sigma > 0:
        layout, grids = problem.layout, state.grids.cpu().numpy()
        information = prior_information(layout.columns, layout.rows, problem.correction_sigma)
        cost += 0.5 * float(np.einsum("na,ab,nb->", grids, information, grids))
    return cost + problem.edges.cost(state.S.cpu().numpy())


def _moved(problem: Problem, state: State, step: np.ndarray) -> State:
    """The state after a step; poses are perturbed on the right."""
    device = state.S.device
    S = state.S.cpu().numpy()
    moved = np.stack([S[k] @ exp_sim3(step[k, :POSE]) for k in range(len(S))])
    grids = state.grids + torch.from_numpy(step[:-1, POSE:]).to(device)
    focal = state.log_focal + float(step[-1, -1])
    return replace(state, S=torch.from_numpy(moved).to(device), grids=grids, log_focal=focal)

"""A step of the global alignment by GTSAM: one factor for each pair, edge and view.

What the alignment did before its own sparse factor (mapper/backend/alignment/normal_equations.py),
kept as its oracle and as the baseline of benchmarks/alignment_solver.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import gtsam
import numpy as np
import torch
from torch import Tensor

from mapper.backend.alignment.blocks import Blocks
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.normal_equations import STILL
from mapper.backend.alignment.problem import FOCAL_SIGMA, Problem
from mapper.backend.alignment.similarities import POSE


def gtsam_step(
    problem: Problem, state: State, blocks: Blocks, damping: float
) -> tuple[Tensor, Tensor]:
    """((N, D), () of the log focal length): what assemble(...).step(damping) gives."""
    step = _solve(problem, state, blocks, blocks.b, damping, 1.0)
    if not problem.refine_focal:
        return step, torch.zeros((), dtype=torch.float64)
    column = _solve(problem, state, blocks, blocks.focal, damping, 0.0)
    pairs = problem.pairs

    def along(x: Tensor) -> Tensor:
        return (blocks.focal * torch.cat((x[pairs.i], x[pairs.j]), 1)).sum()

    prior = 1 / FOCAL_SIGMA**2
    gradient = blocks.focal_b + prior * state.log_focal + along(step)
    change = -gradient / (blocks.focal_H * (1 + damping) + prior + along(column))
    return step + change * column, change


def _solve(
    problem: Problem, state: State, blocks: Blocks, b: Tensor, damping: float, gain: float
) -> Tensor:
    """x (N, D) with H x = -b. gain: on the gradients of edges and priors."""
    graph = gtsam.GaussianFactorGraph()
    for i, j, H, g in _pairs(problem.pairs, blocks.H, b):
        graph.add(_pair_factor(i, j, H, g))
    edge_H, edge_g = problem.edges.blocks(state.S_world_view)
    places = np.r_[0:POSE, problem.size : problem.size + POSE]
    for i, j, H, g in _pairs(problem.edges.pairs, edge_H, edge_g):
        wide, long = np.zeros((2 * problem.size, 2 * problem.size)), np.zeros(2 * problem.size)
        wide[np.ix_(places, places)], long[places] = H, gain * g
        graph.add(_pair_factor(i, j, wide, long))
    soft = problem.correction_sigma > 0
    priors = problem.prior_information.numpy()
    for row, (H, own) in enumerate(zip(priors, _diagonal(problem, blocks), strict=True)):
        g = np.zeros(problem.size)
        if soft:
            g[POSE:] = gain * problem.correction_information.numpy() @ state.grids[row].numpy()
        graph.add(gtsam.HessianFactor(row, H + np.diag(damping * own + STILL), -g, 0.0))
    solved = graph.optimize()
    return torch.from_numpy(np.stack([solved.at(row) for row in range(len(problem.views))]))


def _pairs(pairs: Pairs, H: Tensor, b: Tensor) -> Iterable[tuple[int, int, np.ndarray, np.ndarray]]:
    for (i, j), matrix, vector in zip(pairs.listed(), H.numpy(), b.numpy(), strict=True):
        yield i, j, matrix, vector


def _diagonal(problem: Problem, blocks: Blocks) -> np.ndarray:
    """(N, D): the sum of the pairs' diagonals, which scales the damping."""
    total = np.zeros((len(problem.views), problem.size))
    for i, j, H, _ in _pairs(problem.pairs, blocks.H, blocks.b):
        own = H.diagonal()
        total[i] += own[: problem.size]
        total[j] += own[problem.size :]
    return total


def _pair_factor(i: int, j: int, H: np.ndarray, g: np.ndarray) -> gtsam.HessianFactor:
    """0.5 x^T H x + g^T x over the two views; GTSAM writes the gradient with the other sign."""
    size = len(g) // 2
    return gtsam.HessianFactor(
        i, j, H[:size, :size], H[:size, size:], -g[:size], H[size:, size:], -g[size:], 0.0
    )

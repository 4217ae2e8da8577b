"""The normal equations of the whole alignment as sparse blocks, and the step that solves them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.backend.alignment.block_cholesky import BlockElimination
from mapper.backend.alignment.blocks import Blocks
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.problem import FOCAL_SIGMA, Problem
from mapper.backend.alignment.similarities import POSE

# Information on each step, of each variable: what no residual holds would follow the rounding of
# its gradient. Matches say up to 4e8 of one (see problem.HELD): beside that this is nothing.
STILL = 1e-4


@dataclass(frozen=True, slots=True)
class Focal:
    """The log focal length's part. border: (N, D), its column of H. data, g: (), its own entries.

    data: of the matches alone, which the damping is in proportion to.
    """

    border: Tensor
    data: Tensor
    g: Tensor

    def H(self, damping: float) -> Tensor:
        """(): its own entry of the matrix, damped."""
        return self.data * (1 + damping) + 1 / FOCAL_SIGMA**2


@dataclass(frozen=True, slots=True)
class NormalEquations:
    """0.5 x^T H x + g^T x over the views' variables x (N, D), bordered by the log focal length.

    H: (K, D, D), blocks as the elimination lays them out. g: (N, D). marquardt: (N, D), what the
    damping is in proportion to. focal: None where it is not refined.
    """

    elimination: BlockElimination
    H: Tensor
    g: Tensor
    marquardt: Tensor
    focal: Focal | None

    def step(self, damping: float) -> tuple[Tensor, Tensor]:
        """((N, D), () of the log focal length): Levenberg-Marquardt's, scaled by Marquardt."""
        factor = self.H.clone()
        slots = self.elimination.diagonal
        factor[slots] += torch.diag_embed(damping * self.marquardt + STILL)
        self.elimination.factor(factor)
        if self.focal is None:
            x = self.elimination.solve(factor, -self.g[..., None])
            return x[..., 0], self.g.new_zeros(())
        border = self.focal.border
        x, column = self.elimination.solve(factor, -torch.stack((self.g, border), -1)).unbind(-1)
        gradient = self.focal.g + (border * x).sum()
        change = -gradient / (self.focal.H(damping) + (border * column).sum())
        return x + change * column, change


def assemble(problem: Problem, state: State, blocks: Blocks) -> NormalEquations:
    """Correspondences, edges and priors, as they are at that state."""
    elimination, size = problem.elimination, problem.size
    H = blocks.H.new_zeros((len(elimination), size, size))
    g = H.new_zeros((len(problem.views), size))
    problem.pair_places.add(H, blocks.H)
    marquardt = H[elimination.diagonal].diagonal(dim1=1, dim2=2).clone()
    _add_vectors(g, problem.pairs, blocks.b)
    edge_H, edge_b = problem.edges.blocks(state.S_world_view)
    problem.edge_places.add(H, edge_H)
    _add_vectors(g, problem.edges.pairs, edge_b)
    H[elimination.diagonal] += problem.prior_information
    if problem.correction_sigma > 0:
        g[:, POSE:] += state.grids @ problem.correction_information
    return NormalEquations(elimination, H, g, marquardt, _focal(problem, state, blocks))


def _focal(problem: Problem, state: State, blocks: Blocks) -> Focal | None:
    if not problem.refine_focal:
        return None
    border = blocks.H.new_zeros((len(problem.views), problem.size))
    _add_vectors(border, problem.pairs, blocks.focal)
    prior = state.log_focal / FOCAL_SIGMA**2
    return Focal(border, blocks.focal_H, blocks.focal_b + prior)


def _add_vectors(g: Tensor, pairs: Pairs, own: Tensor) -> None:
    """Vectors own (P, 2 d) over the first d variables of both views of each pair."""
    size = own.shape[-1] // 2
    g[:, :size].index_add_(0, pairs.i, own[:, :size])
    g[:, :size].index_add_(0, pairs.j, own[:, size:])

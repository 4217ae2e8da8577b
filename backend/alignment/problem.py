"""What the global alignment minimises: correspondences, edges, and what is held or soft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mapper.backend.alignment.block_cholesky import BlockElimination, Places
from mapper.backend.alignment.blocks import Blocks, build_blocks, total_cost
from mapper.backend.alignment.correction import prior_information
from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.matching import Matches
from mapper.backend.alignment.residuals import Weighting
from mapper.backend.alignment.similarities import POSE
from mapper.backend.alignment.views import Views

# Information on what does not move. Measured, all that matches say of one variable of a view comes
# to 4e8 at most.
HELD = 1e12
FOCAL_SIGMA = 0.2  # of the log focal length, when it is refined: factors of 0.84 to 1.15 come back


@dataclass(frozen=True)
class Problem:
    """views, pairs, weighting: see there. edges: of the pose graph, by row of the views.

    correction_sigma: log depth; 0 = none. free_scale: Sim(3).
    fixed: rows that stay where they are. refine_focal: see GlobalAlignmentConfig.
    """

    views: Views
    pairs: Pairs
    weighting: Weighting
    edges: EdgeTerms
    correction_sigma: float
    free_scale: bool
    fixed: Sequence[int]
    refine_focal: bool

    @property
    def size(self) -> int:
        """Variables of a view: D = 7 + G."""
        return POSE + self.views.grid.nodes

    def linearised(self, state: State, matches: Matches) -> Blocks:
        """Normal equations of the correspondences alone."""
        return build_blocks(self.views, state, matches, self.weighting)

    def correspondence_cost(self, state: State, matches: Matches) -> Tensor:
        """linearised(...).cost alone."""
        return total_cost(self.views, state, matches, self.weighting)

    def prior_cost(self, state: State) -> Tensor:
        """(): of the focal length, the corrections and the edges."""
        cost = 0.5 * state.log_focal**2 / FOCAL_SIGMA**2 + self.edges.cost(state.S_world_view)
        if self.correction_sigma > 0:
            cost = cost + 0.5 * torch.einsum(
                "na,ab,nb->", state.grids, self.correction_information, state.grids
            )
        return cost

    @cached_property
    def elimination(self) -> BlockElimination:
        """Of the views: matches and edges join them."""
        joined = {*self.pairs.listed(), *self.edges.pairs.listed()}
        return BlockElimination(len(self.views), joined, self.views.cameras.device)

    @cached_property
    def pair_places(self) -> Places:
        """Where the elimination keeps the blocks of each pair."""
        return self.elimination.place(self.pairs.listed())

    @cached_property
    def edge_places(self) -> Places:
        """Where it keeps those of each edge."""
        return self.elimination.place(self.edges.pairs.listed())

    @cached_property
    def correction_information(self) -> Tensor:
        """(G, G): of a view's depth correction, which is held at zero where there is to be none."""
        grid = self.views.grid
        device = self.views.cameras.device
        if self.correction_sigma <= 0:
            return HELD * torch.eye(grid.nodes, dtype=torch.float64, device=device)
        information = prior_information(grid.columns, grid.rows, self.correction_sigma)
        return torch.from_numpy(information).to(device)

    @cached_property
    def prior_information(self) -> Tensor:
        """(N, D, D) of each view by itself."""
        information = self.correction_information
        total = information.new_zeros((len(self.views), self.size, self.size))
        total[:, POSE:, POSE:] = information
        if not self.free_scale:
            total[:, POSE - 1, POSE - 1] = HELD
        poses = total.diagonal(dim1=1, dim2=2)[:, :POSE]
        for row in self.fixed:
            poses[row] += HELD
        return total

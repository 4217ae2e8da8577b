"""The pose graph's edges as terms of the alignment: they hold what no correspondence does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pypose import LieTensor
from torch import Tensor

from mapper.backend.alignment.geometry import Pairs
from mapper.backend.alignment.similarities import POSE, adjoint, log, similarities
from mapper.backend.graph.edge import Edge, EdgeKind


class EdgeTerms:
    """Edges between rows of the views. Residual: log of what the poses contradict an edge by.

    weight: on their information, where it was measured on depths that the alignment corrects.
    """

    def __init__(self, edges: Sequence[Edge], weight: float, device: torch.device) -> None:
        def indices(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.long, device=device)

        measured = np.array([e.S_i_j for e in edges], float).reshape(-1, 4, 4)
        weights = [1.0 if e.kind == EdgeKind.ADJUSTED else weight for e in edges]
        information = np.array([e.information for e in edges], float).reshape(-1, 7, 7)
        information *= np.reshape(weights, (-1, 1, 1))
        self.pairs = Pairs(indices([e.i for e in edges]), indices([e.j for e in edges]))
        self._S_j_i = similarities(measured, device).Inv()
        self._information = torch.from_numpy(information).to(device)

    def cost(self, S: LieTensor) -> Tensor:
        """Half the squared residuals () at poses S (N,)."""
        residuals, _ = self._residuals(S)
        return 0.5 * torch.einsum("na,nab,nb->", residuals, self._information, residuals)

    def blocks(self, S: LieTensor) -> tuple[Tensor, Tensor]:
        """(H (E, 14, 14), b (E, 14)) by the poses of i and of j.

        The derivative is that near zero residual, where the inverse right Jacobian is 1.
        """
        residuals, S_i_j = self._residuals(S)
        J_i = -adjoint(S_i_j.Inv())
        J = torch.cat((J_i, torch.eye(POSE, dtype=J_i.dtype, device=J_i.device).expand_as(J_i)), -1)
        weighted = J.mT @ self._information
        return weighted @ J, (weighted @ residuals[..., None])[..., 0]

    def _residuals(self, S: LieTensor) -> tuple[Tensor, LieTensor]:
        """((E, 7), S_i_j (E,)) at poses S."""
        S_i_j = S[self.pairs.i].Inv() @ S[self.pairs.j]
        return log(self._S_j_i @ S_i_j), S_i_j

"""The pairwise objective as the reference writes it: all pairs at once, gradients by autograd.

Source: DUSt3R (Wang et al., CVPR 2024), eq. 5, in the form of CUT3R's alignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.parameters import Parameters


@dataclass(frozen=True, slots=True, eq=False)
class AutogradObjective(PairwiseObjective):
    """The same number and gradients; time and memory are those of plain tensor operations."""

    def backward(self, parameters: Parameters) -> float:
        """The loss; its gradient is added to that of the parameters."""
        seen = self.observations
        points = parameters.world_points(self.size).transpose(1, 2)
        linear, translation = parameters.pair_transforms()
        sides = seen.image.chunk(2), seen.points.chunk(2), seen.weights.chunk(2)
        loss = torch.zeros(())
        for image, observed, weights in zip(*sides, strict=True):
            moved = self._moved(linear, translation, observed)
            loss = loss + (weights * (points.index_select(0, image) - moved).norm(dim=-1)).mean()
        loss.backward()
        return float(loss.detach())

    @staticmethod
    def _moved(linear: Tensor, translation: Tensor, observed: Tensor) -> Tensor:
        """(E, h w, 3): one side of all pairs (E, 3, h w) in the world."""
        return observed.transpose(1, 2) @ linear.transpose(1, 2) + translation[:, None]

"""The objective: confidence-weighted distances between each image's points and every pair's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mapper.backend.pairwise.pairs import Observations
from mapper.backend.pairwise.parameters import Parameters

# Small enough for a CPU's cache; on a GPU enough that the launches, some eighteen a chunk, do not
# count: 0.4 GB.
POINTS_AT_ONCE: Final = {"cpu": 1 << 18, "cuda": 1 << 23}
SMALLEST_DISTANCE = 1e-20


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseObjective:
    """Sum over both sides of all pairs of w |X - S p|, over the pixels of one side of all pairs.

    X: the image's points in the world, p: the pair's, S: the pair's similarity. The distance is not
    squared, and the weight is the logarithm of the confidence. size: (h, w).
    Source: DUSt3R (Wang et al., CVPR 2024), eq. 5, in the form of CUT3R's alignment.
    """

    observations: Observations
    size: tuple[int, int]

    def backward(self, parameters: Parameters) -> float:
        """The loss; its gradient is added to that of the parameters.

        The derivative of the distances is written out and taken a few pairs at a time: the memory
        needed beside the pairs themselves does not grow with their number.
        """
        points = parameters.world_points(self.size)
        linear, translation = parameters.pair_transforms()
        outputs = [points, linear, translation]
        gradients = [torch.zeros_like(output) for output in outputs]
        with torch.no_grad():
            loss = sum(self._side(rows, outputs, gradients) for rows in self._chunks())
        share = 2 / self.observations.weights.numel()
        for gradient in gradients:
            gradient *= share
        torch.autograd.backward(outputs, gradients)
        return float(loss) * share

    @torch.no_grad()
    def loss(self, parameters: Parameters) -> float:
        """The same number without gradients."""
        outputs = [parameters.world_points(self.size), *parameters.pair_transforms()]
        distances = (
            (self.observations.weights[rows] * _length(self._residual(rows, outputs))).sum()
            for rows in self._chunks()
        )
        return float(sum(distances)) * 2 / self.observations.weights.numel()

    def _chunks(self) -> list[slice]:
        rows, pixels = self.observations.weights.shape
        at_once = POINTS_AT_ONCE.get(self.observations.weights.device.type, POINTS_AT_ONCE["cpu"])
        step = max(1, at_once // pixels)
        return [slice(first, first + step) for first in range(0, rows, step)]

    def _residual(self, rows: slice, outputs: list[Tensor]) -> Tensor:
        """(rows, 3, h w): world points less the pair's."""
        seen, (points, linear, translation) = self.observations, outputs
        pair = seen.pair[rows]
        moved = torch.baddbmm(translation[pair, :, None], linear[pair], seen.points[rows])
        return torch.sub(points.index_select(0, seen.image[rows]), moved, out=moved)

    def _side(self, rows: slice, outputs: list[Tensor], gradients: list[Tensor]) -> Tensor:
        """Loss of some observations; adds what it asks of points, rotations and translations."""
        seen, residual = self.observations, self._residual(rows, outputs)
        distance, weights = _length(residual), seen.weights[rows]
        loss = (weights * distance).sum(dtype=torch.float64)
        residual *= (weights / distance.clamp(min=SMALLEST_DISTANCE))[:, None]
        of_points, of_linear, of_translation = gradients
        of_points.index_add_(0, seen.image[rows], residual)
        pull = torch.bmm(residual, seen.points[rows].transpose(1, 2))
        of_linear.index_add_(0, seen.pair[rows], pull, alpha=-1)
        of_translation.index_add_(0, seen.pair[rows], residual.sum(2), alpha=-1)
        return loss


def _length(vectors: Tensor) -> Tensor:
    """(rows, h w) of (rows, 3, h w). torch.linalg.vector_norm takes a hundred times as long."""
    return vectors.square().sum(1).sqrt()

"""A smooth correction of a keyframe's depth: log-depth offsets on a coarse grid over the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # a map that was never aligned does without torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class CorrectionGrid:
    """columns, rows: nodes over the image, from edge to edge."""

    columns: int
    rows: int

    @property
    def nodes(self) -> int:
        """G."""
        return self.columns * self.rows

    def basis(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """(..., nodes) at pixels (..., 2) of images of that size (h, w)."""
        height, width = size
        return basis(
            pixels[..., 0] / (width - 1), pixels[..., 1] / (height - 1), self.columns, self.rows
        )


def basis(u: Tensor, v: Tensor, columns: int, rows: int) -> Tensor:
    """Weights (..., rows * columns) of the grid's nodes at image positions u, v (...), 0..1.

    Bilinear: hat functions about nodes that span the image from edge to edge; they sum to 1.
    """
    wu = _hats(u, columns)
    wv = _hats(v, rows)
    return (wv[..., :, None] * wu[..., None, :]).flatten(-2)


def _hats(position: Tensor, nodes: int) -> Tensor:
    centres = position.new_ones(nodes).cumsum(0) - 1  # made on the device, not sent to it
    scaled = position.clamp(0, 1)[..., None] * (nodes - 1)
    return (1 - (scaled - centres).abs()).clamp(min=0)


def correction_factors(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 (height, width): what to multiply a depth map by. grid: (rows, columns), log."""
    rows, columns = grid.shape
    along_u = np.linspace(0, columns - 1, width)[:, None] - np.arange(columns)
    along_v = np.linspace(0, rows - 1, height)[:, None] - np.arange(rows)
    hats_u, hats_v = (np.maximum(1 - np.abs(d), 0) for d in (along_u, along_v))
    return np.exp(hats_v @ grid @ hats_u.T).astype(np.float32)


def prior_information(columns: int, rows: int, sigma: float) -> np.ndarray:
    """(G, G): each node about 0 with `sigma`, and neighbours alike within half of it."""
    count = rows * columns
    information = np.eye(count) / sigma**2
    numbers = np.arange(count).reshape(rows, columns)
    pairs = [*zip(numbers[:, :-1].ravel(), numbers[:, 1:].ravel(), strict=True)]
    pairs += zip(numbers[:-1].ravel(), numbers[1:].ravel(), strict=True)
    for a, b in pairs:
        difference = np.zeros(count)
        difference[a], difference[b] = 1.0, -1.0
        information += np.outer(difference, difference) / (0.5 * sigma) ** 2
    return information

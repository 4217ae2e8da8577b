"""Conjugate gradients over sparse blocks: what the alignment's solve was measured against.

Source: Agarwal et al., "Bundle Adjustment in the Large", ECCV 2010 (block-Jacobi preconditioner).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mapper.backend.alignment.block_cholesky import BlockElimination

CHECKED = 10  # iterations between two looks at the residual, each of which waits for the device
MAX_ITERATIONS = 5000


def solve_pcg(
    elimination: BlockElimination,
    blocks: Tensor,
    joined: Sequence[tuple[int, int]],
    b: Tensor,
    tolerance: float,
) -> tuple[Tensor, int]:
    """(x (N, D) with H x = b, iterations). blocks: H as the elimination lays it out, not factored.

    joined: pairs i < j, each once. tolerance: of the preconditioned residual's norm, relative.
    """
    places = elimination.place(joined)
    i, j = (torch.tensor([pair[k] for pair in joined], device=b.device) for k in (0, 1))
    own = blocks[elimination.diagonal]
    across = blocks[places.across]
    across = torch.where(places.transposed[:, None, None], across.mT, across).contiguous()
    inverse = torch.linalg.inv(own)

    def times(x: Tensor) -> Tensor:
        y = _each(own, x)
        y.index_add_(0, i, _each(across, x[j]))
        return y.index_add_(0, j, _each(across.mT, x[i]))

    x, rest = torch.zeros_like(b), b.clone()
    steered = direction = _each(inverse, rest)
    now = first = (rest * steered).sum()
    for number in range(1, MAX_ITERATIONS + 1):
        ahead = times(direction)
        length = now / (direction * ahead).sum()
        x, rest = x + length * direction, rest - length * ahead
        steered = _each(inverse, rest)
        before, now = now, (rest * steered).sum()
        if number % CHECKED == 0 and bool(now <= tolerance**2 * first):
            break
        direction = steered + now / before * direction
    return x, number


def _each(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(n, D, D) times (n, D), row by row."""
    return (matrices @ vectors[..., None])[..., 0]

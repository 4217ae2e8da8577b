"""Normal equations of pairs of views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mapper.backend.alignment.geometry import Layout, State
from mapper.backend.alignment.matching import Matches, Pairs
from mapper.backend.alignment.residuals import Weighting, linearise, robust_cost
from mapper.backend.alignment.views import Views

CHUNK = 256  # pairs whose Jacobians are in memory at once: 30 MB with the default samples


@dataclass(frozen=True, slots=True)
class Blocks:
    """H: (P, D, D) with D = 2 (7 + G), b: (P, D), of the pairs in order: view i, then view j.

    focal: (P, D), the column of the log focal length; focal_H, focal_b: its own entry. cost:
    robust.
    """

    H: np.ndarray
    b: np.ndarray
    focal: np.ndarray
    focal_H: float
    focal_b: float
    cost: float


def build_blocks(
    views: Views,
    state: State,
    pairs: Pairs,
    matches: Matches,
    layout: Layout,
    weighting: Weighting,
) -> Blocks:
    """Linearise all pairs, a chunk at a time, and sum each one's weighted products."""
    products, cost = [], 0.0
    for start in range(0, len(pairs), CHUNK):
        count = min(CHUNK, len(pairs) - start)
        part = matches.part(start, start + count)
        terms = linearise(views, state, part, layout, weighting)
        rows = torch.cat(
            (terms.J_i, terms.J_j, terms.residual[..., None], terms.J_focal[..., None]), -1
        )
        rows *= terms.weight.sqrt()[..., None]
        products.append(_products(rows, part.pair, count))
        cost += terms.cost
    total = torch.cat(products).cpu().double().numpy()
    return Blocks(
        total[:, :-2, :-2],
        total[:, :-2, -2],
        total[:, :-2, -1],
        float(total[:, -1, -1].sum()),
        float(total[:, -1, -2].sum()),
        cost,
    )


def total_cost(
    views: Views, state: State, matches: Matches, layout: Layout, weighting: Weighting
) -> float:
    """build_blocks(...).cost alone."""
    last = int(matches.pair[-1]) if len(matches.pair) else -1
    return sum(
        robust_cost(views, state, matches.part(start, start + CHUNK), layout, weighting)
        for start in range(0, last + 1, CHUNK)
    )


def _products(rows: Tensor, pair: Tensor, count: int) -> Tensor:
    """A^T A (count, C, C) of each pair's rows; rows: (n, R, C), pair: (n,), in order."""
    result = rows.new_zeros((count, rows.shape[2], rows.shape[2]))
    ends = torch.bincount(pair, minlength=count).cumsum(0).tolist()
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < end:
            A = rows[start:end].flatten(0, 1)
            torch.mm(A.T, A, out=result[number])
    return result

"""Normal equations of pairs of views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mapper.backend.alignment.geometry import State
from mapper.backend.alignment.matching import Matches
from mapper.backend.alignment.residuals import Weighting, linearise, robust_cost
from mapper.backend.alignment.similarities import POSE
from mapper.backend.alignment.views import Views

CHUNK = 256  # pairs whose Jacobians are in memory at once: 30 MB with the default samples


@dataclass(frozen=True, slots=True)
class Blocks:
    """H: (P, D, D) with D = 2 (7 + G), b: (P, D), of the pairs in order: view i, then view j.

    focal: (P, D), the column of the log focal length; focal_H, focal_b: (), its own entry. cost:
    (), robust. All float64, on the views' device.
    """

    H: Tensor
    b: Tensor
    focal: Tensor
    focal_H: Tensor
    focal_b: Tensor
    cost: Tensor


def build_blocks(views: Views, state: State, matches: Matches, weighting: Weighting) -> Blocks:
    """Linearise all pairs, a chunk at a time, and sum each one's weighted products."""
    products, cost = [], state.log_focal.new_zeros(())
    for part in _chunks(matches):
        terms = linearise(views, state, part, weighting)
        rows = torch.cat(
            (terms.J_i, terms.J_j, terms.residual[..., None], terms.J_focal[..., None]), -1
        )
        rows *= terms.weight.sqrt()[..., None]
        products.append(_products(rows, part.ends))
        cost = cost + terms.cost
    columns = 2 * (POSE + views.grid.nodes) + 2
    nothing = views.cameras.new_zeros((0, columns, columns))
    total = torch.cat((nothing, *products)).double()
    return Blocks(
        total[:, :-2, :-2],
        total[:, :-2, -2],
        total[:, :-2, -1],
        total[:, -1, -1].sum(),
        total[:, -1, -2].sum(),
        cost,
    )


def total_cost(views: Views, state: State, matches: Matches, weighting: Weighting) -> Tensor:
    """build_blocks(...).cost alone."""
    cost = state.log_focal.new_zeros(())
    for part in _chunks(matches):
        cost = cost + robust_cost(views, state, part, weighting)
    return cost


def _chunks(matches: Matches) -> Iterator[Matches]:
    count = len(matches.ends)
    for start in range(0, count, CHUNK):
        yield matches.part(start, min(start + CHUNK, count))


def _products(rows: Tensor, ends: tuple[int, ...]) -> Tensor:
    """A^T A (P, C, C) of each pair's rows; rows: (n, R, C), in order, each pair's up to its end."""
    result = rows.new_zeros((len(ends), rows.shape[2], rows.shape[2]))
    for number, (start, end) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
        if start < end:
            A = rows[start:end].flatten(0, 1)
            torch.mm(A.T, A, out=result[number])
    return result

"""Cholesky's factor of a sparse symmetric matrix of square blocks, in torch, on any device.

Source: George and Liu, "Computer Solution of Large Sparse Positive Definite Systems", 1981
(minimum degree, chapter 5; the submatrix form of the factorisation, chapter 2).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Step:
    """One variable goes. below: those that it is joined to, m of them, in the order they go.

    diagonal: its block; the m blocks below it come after. lower: of the (m, m) blocks of what is
    taken from the rest, flat, those on and below the diagonal. targets: where these go.
    """

    variable: int
    diagonal: int
    below: Tensor
    lower: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class Places:
    """Of pairs of variables (i, j): where H_ii, H_jj and H_ij lie (P,), and whether H_ij lies
    transposed (P,)."""

    first: Tensor
    second: Tensor
    across: Tensor
    transposed: Tensor

    def add(self, blocks: Tensor, own: Tensor) -> None:
        """Add matrices own (P, 2 d, 2 d) over the first d entries of both variables of a pair."""
        d = own.shape[-1] // 2
        upper, lower = own[:, :d, d:], own[:, d:, :d]
        target = blocks[:, :d, :d]
        target.index_add_(0, self.first, own[:, :d, :d])
        target.index_add_(0, self.second, own[:, d:, d:])
        target.index_add_(0, self.across, torch.where(self.transposed[:, None, None], lower, upper))


class BlockElimination:
    """Which of N variables goes when, and where the blocks (K, D, D) of matrix and factor lie.

    Only blocks on and below the diagonal are kept, the later variable's rows and the earlier's
    columns. The factor takes the matrix's place. What an order costs is decided here, on the host,
    once for many factors; those are made where the blocks are, and nothing waits for the host.
    """

    def __init__(self, count: int, joined: Iterable[tuple[int, int]], device: torch.device) -> None:
        order, neighbours = _minimum_degree(count, joined)
        self._turn = {variable: turn for turn, variable in enumerate(order)}
        below = [sorted(n, key=self._turn.__getitem__) for n in neighbours]
        self._slot: dict[tuple[int, int], int] = {}
        for variable, later in zip(order, below, strict=True):
            for row in (variable, *later):
                self._slot[row, variable] = len(self._slot)
        self.device = device
        self.diagonal = self._tensor([self._slot[k, k] for k in range(count)])
        self._steps = [self._step(k, later) for k, later in zip(order, below, strict=True)]

    def __len__(self) -> int:
        """K."""
        return len(self._slot)

    def place(self, pairs: Sequence[tuple[int, int]]) -> Places:
        """Where the blocks of pairs of variables (i, j) lie."""
        transposed = [self._turn[i] < self._turn[j] for i, j in pairs]
        slots = [
            self._slot[(j, i) if later else (i, j)]
            for (i, j), later in zip(pairs, transposed, strict=True)
        ]
        return Places(
            self.diagonal[self._tensor([i for i, _ in pairs])],
            self.diagonal[self._tensor([j for _, j in pairs])],
            self._tensor(slots),
            torch.tensor(transposed, dtype=torch.bool, device=self.device),
        )

    def factor(self, blocks: Tensor) -> None:
        """In place. A matrix that is not positive definite leaves NaN behind."""
        size = blocks.shape[-1]
        for step in self._steps:
            first, m = step.diagonal, len(step.below)
            L, failed = torch.linalg.cholesky_ex(blocks[first])
            blocks[first] = torch.where(failed > 0, torch.nan, L)
            if not m:
                continue
            below = blocks[first + 1 : first + 1 + m].view(m * size, size)
            below.copy_(torch.linalg.solve_triangular(L.mT, below, upper=True, left=False))
            taken = (below @ below.mT).view(m, size, m, size).transpose(1, 2)
            taken = taken.reshape(m * m, size, size)
            blocks.index_add_(0, step.targets, taken[step.lower], alpha=-1)

    def solve(self, factor: Tensor, b: Tensor) -> Tensor:
        """x (N, D, C) with H x = b, of the factor of H."""
        x = b.clone()
        for step in self._steps:
            L, below = self._column(factor, step)
            here = torch.linalg.solve_triangular(L, x[step.variable], upper=False)
            x[step.variable] = here
            x.index_add_(0, step.below, below @ here, alpha=-1)
        for step in reversed(self._steps):
            L, below = self._column(factor, step)
            rest = x[step.variable] - (below.mT @ x[step.below]).sum(0)
            x[step.variable] = torch.linalg.solve_triangular(L.mT, rest, upper=True)
        return x

    def _step(self, variable: int, later: list[int]) -> _Step:
        m = len(later)
        lower = [(a, b) for a in range(m) for b in range(a + 1)]
        return _Step(
            variable,
            self._slot[variable, variable],
            self._tensor(later),
            self._tensor([a * m + b for a, b in lower]),
            self._tensor([self._slot[later[a], later[b]] for a, b in lower]),
        )

    def _tensor(self, values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    @staticmethod
    def _column(factor: Tensor, step: _Step) -> tuple[Tensor, Tensor]:
        """(L (D, D), what is below it (m, D, D))."""
        first = step.diagonal
        return factor[first], factor[first + 1 : first + 1 + len(step.below)]


def _minimum_degree(
    count: int, joined: Iterable[tuple[int, int]]
) -> tuple[list[int], list[set[int]]]:
    """The order, and what each variable is joined to when it goes: they are joined to each other
    from then on. Always the one goes that is joined to the fewest."""
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for i, j in joined:
        neighbours[i].add(j)
        neighbours[j].add(i)
    waiting = [(len(n), k) for k, n in enumerate(neighbours)]
    heapq.heapify(waiting)
    order: list[int] = []
    gone: set[int] = set()
    while waiting:
        degree, k = heapq.heappop(waiting)
        if k in gone or degree != len(neighbours[k]):  # counted before its neighbours went
            continue
        order.append(k)
        gone.add(k)
        for other in neighbours[k]:
            neighbours[other] |= neighbours[k]
            neighbours[other] -= {k, other}
            heapq.heappush(waiting, (len(neighbours[other]), other))
    return order, [neighbours[k] for k in order]

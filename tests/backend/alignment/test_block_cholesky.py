"""A sparse factor of blocks solves what the dense one does, and stays sparse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mapper.backend.alignment.block_cholesky import BlockElimination

D = 3
CPU = torch.device("cpu")


def chain(count: int, width: int) -> list[tuple[int, int]]:
    return [(i, j) for j in range(count) for i in range(max(0, j - width), j)]


def system(
    count: int, pairs: list[tuple[int, int]]
) -> tuple[BlockElimination, torch.Tensor, torch.Tensor]:
    """(elimination, its blocks, the same matrix dense): a sum of what each pair says, and of 1."""
    generator = torch.Generator().manual_seed(4)
    own = torch.randn((len(pairs), 2 * D, 9), generator=generator, dtype=torch.float64)
    own = own @ own.mT
    elimination = BlockElimination(count, pairs, CPU)
    blocks = torch.zeros((len(elimination), D, D), dtype=torch.float64)
    blocks[elimination.diagonal] += torch.eye(D, dtype=torch.float64)
    elimination.place(pairs).add(blocks, own)
    dense = torch.eye(count * D, dtype=torch.float64)
    for (i, j), block in zip(pairs, own, strict=True):
        at = torch.tensor([*range(i * D, i * D + D), *range(j * D, j * D + D)])
        dense[at[:, None], at] += block
    return elimination, blocks, dense


@pytest.mark.parametrize(
    ("count", "pairs"),
    [
        (1, []),
        (4, []),
        (2, [(0, 1), (1, 0)]),  # both directions of one pair
        (7, chain(7, 6)),  # everything with everything
        (12, [*chain(12, 2), (0, 11), (9, 1), (3, 8)]),
        (9, [(k, 4) for k in range(9) if k != 4]),
        (6, [(0, 1), (4, 3)]),  # apart, and two by themselves
    ],
)
def test_it_solves_what_a_dense_factor_solves(count: int, pairs: list[tuple[int, int]]) -> None:
    elimination, blocks, dense = system(count, pairs)
    b = torch.randn((count, D, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    elimination.factor(blocks)
    found = elimination.solve(blocks, b)
    expected = torch.linalg.solve(dense, b.reshape(count * D, 2)).reshape(count, D, 2)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_a_walk_fills_nothing_in_and_a_loop_little() -> None:
    """A chain of width 3 has its own blocks and no more: N, and 3 for each but the first three."""
    assert len(BlockElimination(100, chain(100, 3), CPU)) == 100 + 3 * 100 - 6
    looped = [*chain(100, 3), (0, 99)]
    assert len(BlockElimination(100, looped, CPU)) < 1.7 * (100 + 3 * 100 - 5)


def test_large_and_small_numbers_side_by_side() -> None:
    """What is held has an information of 1e12, what nothing sees one of 1e-4."""
    elimination, blocks, dense = system(8, chain(6, 2))
    for k, value in ((0, 1e12), (6, 1e-4 - 1), (7, 1e-4 - 1)):
        blocks[elimination.diagonal[k]] += value * torch.eye(D, dtype=torch.float64)
        dense[k * D : k * D + D, k * D : k * D + D] += value * torch.eye(D, dtype=torch.float64)
    b = torch.ones((8, D, 1), dtype=torch.float64)
    elimination.factor(blocks)
    found = elimination.solve(blocks, b)
    expected = torch.linalg.solve(dense, b.reshape(-1)).reshape(8, D, 1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-14)


def test_what_is_not_positive_definite_gives_no_number() -> None:
    elimination, blocks, _ = system(5, chain(5, 2))
    blocks[elimination.diagonal[3]] -= 1e6 * torch.eye(D, dtype=torch.float64)
    elimination.factor(blocks)
    found = elimination.solve(blocks, torch.ones((5, D, 1), dtype=torch.float64))
    assert found.isnan().any()


def test_a_thousand_keyframes_are_put_in_order_at_once() -> None:
    """The order of a long walk with revisits keeps the factor about as sparse as the walk."""
    rng = np.random.default_rng(0)
    pairs = chain(1000, 4)
    pairs += [(k, k + 500) for k in rng.choice(500, 30, replace=False).tolist()]
    assert len(BlockElimination(1000, pairs, CPU)) < 4 * len(pairs)

"""What two views say about one another, as an information matrix."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.blocks import Blocks, build_blocks
from mapper.backend.alignment.matching import Pairs, match
from mapper.backend.alignment.relative import relative_information
from mapper.backend.alignment.residuals import Weighting
from tests.support.plane_views import LAYOUT, moved, plane_map, state_of, views_of

TRUTH = (moved(), moved(0.12, 0.03, yaw=-0.03), moved(-0.1, 0.08, 0.05, pitch=0.02))
WEIGHTING = Weighting(1.0, 0.018, 3.0, False)


def blocks_of(pairs: Pairs) -> Blocks:
    views, state = views_of([plane_map(T) for T in TRUTH]), state_of(TRUTH)
    matches = match(views, state, pairs, LAYOUT)
    return build_blocks(views, state, pairs, matches, LAYOUT, WEIGHTING)


def pairs_of(*both: tuple[int, int]) -> Pairs:
    i, j = torch.tensor(both).T
    return Pairs(i, j)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return pairs_of((0, 1), (1, 0), (0, 2), (2, 0))


@pytest.fixture(scope="module")
def blocks(pairs: Pairs) -> Blocks:
    return blocks_of(pairs)


@pytest.mark.parametrize("sigma", [0.0, 0.03])
def test_it_is_symmetric_and_positive_semi_definite(
    blocks: Blocks, pairs: Pairs, sigma: float
) -> None:
    found = relative_information(blocks, pairs, LAYOUT, sigma)
    assert set(found) == {(0, 1), (0, 2)}
    for information in found.values():
        largest = np.abs(information).max()
        np.testing.assert_allclose(information, information.T, atol=1e-6 * largest)
        values = np.linalg.eigvalsh(information)
        assert values[0] > -1e-6 * largest and values[-1] > 1e3


def test_swapped_directions_say_the_same(blocks: Blocks, pairs: Pairs) -> None:
    """(i, j) and (j, i) are summed, in whichever order they come."""
    order = [1, 0, 3, 2]
    swapped = replace(blocks, H=blocks.H[order])
    again = relative_information(swapped, Pairs(pairs.i[order], pairs.j[order]), LAYOUT, 0.03)
    for key, information in relative_information(blocks, pairs, LAYOUT, 0.03).items():
        np.testing.assert_allclose(again[key], information, rtol=1e-9, atol=1e-6)


def test_one_direction_is_part_of_both(blocks: Blocks, pairs: Pairs) -> None:
    single = [replace(blocks, H=blocks.H[row : row + 1]) for row in (0, 1)]
    halves = [
        relative_information(part, Pairs(pairs.i[row, None], pairs.j[row, None]), LAYOUT, 0.0)
        for row, part in enumerate(single)
    ]
    both = relative_information(blocks, pairs, LAYOUT, 0.0)[0, 1]
    np.testing.assert_allclose(halves[0][0, 1] + halves[1][0, 1], both, rtol=1e-6, atol=1e-3)


def test_free_corrections_leave_less_known(blocks: Blocks, pairs: Pairs) -> None:
    """Marginalising takes information away, the more so the freer they are; above all of scale."""
    known = [relative_information(blocks, pairs, LAYOUT, sigma)[0, 1] for sigma in (0.0, 0.01, 0.1)]
    for more, less in itertools.pairwise(known):
        gap = np.linalg.eigvalsh(more - less)
        assert gap[0] > -1e-5 * gap[-1]
        assert less[6, 6] < 0.7 * more[6, 6]


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    three = pairs_of((0, 1), (1, 2), (2, 0))
    whole = blocks_of(three)
    monkeypatch.setattr("mapper.backend.alignment.blocks.CHUNK", 2)
    parts = blocks_of(three)
    np.testing.assert_allclose(parts.H, whole.H, rtol=1e-4, atol=1e-4 * np.abs(whole.H).max())
    assert parts.cost == pytest.approx(whole.cost, rel=1e-5)

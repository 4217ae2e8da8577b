"""What two views say about one another, as an information matrix."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.blocks import Blocks
from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Pairs
from mapper.backend.alignment.matching import match
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.relative import relative_information
from mapper.backend.alignment.residuals import Weighting
from tests.support.plane_views import CPU, moved, plane_map, state_of, views_of

TRUTH = (moved(), moved(0.12, 0.03, yaw=-0.03), moved(-0.1, 0.08, 0.05, pitch=0.02))
WEIGHTING = Weighting(1.0, 0.018, 3.0, False)
Information = dict[tuple[int, int], np.ndarray]


def problem_of(*both: tuple[int, int]) -> Problem:
    i, j = torch.tensor(both).T
    views = views_of([plane_map(T) for T in TRUTH])
    edges = EdgeTerms([], 1.0, CPU)
    return Problem(views, Pairs(i, j), WEIGHTING, edges, 0.03, True, [0], False)


def blocks_of(problem: Problem) -> Blocks:
    state = state_of(TRUTH)
    return problem.linearised(state, match(problem.views, state, problem.pairs))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of((0, 1), (1, 0), (0, 2), (2, 0))


@pytest.fixture(scope="module")
def blocks(problem: Problem) -> Blocks:
    return blocks_of(problem)


def information_of(problem: Problem, blocks: Blocks, sigma: float) -> Information:
    return relative_information(replace(problem, correction_sigma=sigma), blocks)


@pytest.mark.parametrize("sigma", [0.0, 0.03])
def test_it_is_symmetric_and_positive_semi_definite(
    problem: Problem, blocks: Blocks, sigma: float
) -> None:
    found = information_of(problem, blocks, sigma)
    assert set(found) == {(0, 1), (0, 2)}
    for information in found.values():
        largest = np.abs(information).max()
        np.testing.assert_allclose(information, information.T, atol=1e-6 * largest)
        values = np.linalg.eigvalsh(information)
        assert values[0] > -1e-6 * largest and values[-1] > 1e3


def test_swapped_directions_say_the_same(problem: Problem, blocks: Blocks) -> None:
    """(i, j) and (j, i) are summed, in whichever order they come."""
    order = [1, 0, 3, 2]
    swapped = replace(blocks, H=blocks.H[order])
    pairs = Pairs(problem.pairs.i[order], problem.pairs.j[order])
    again = information_of(replace(problem, pairs=pairs), swapped, 0.03)
    for key, information in information_of(problem, blocks, 0.03).items():
        np.testing.assert_allclose(again[key], information, rtol=1e-9, atol=1e-6)


def test_one_direction_is_part_of_both(problem: Problem, blocks: Blocks) -> None:
    halves = [
        information_of(
            replace(problem, pairs=problem.pairs.part(row, row + 1)),
            replace(blocks, H=blocks.H[row : row + 1]),
            0.0,
        )
        for row in (0, 1)
    ]
    both = information_of(problem, blocks, 0.0)[0, 1]
    np.testing.assert_allclose(halves[0][0, 1] + halves[1][0, 1], both, rtol=1e-6, atol=1e-3)


def test_free_corrections_leave_less_known(problem: Problem, blocks: Blocks) -> None:
    """Marginalising takes information away, the more so the freer they are; above all of scale."""
    known = [information_of(problem, blocks, sigma)[0, 1] for sigma in (0.0, 0.01, 0.1)]
    for more, less in itertools.pairwise(known):
        gap = np.linalg.eigvalsh(more - less)
        assert gap[0] > -1e-5 * gap[-1]
        assert less[6, 6] < 0.7 * more[6, 6]


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    three = problem_of((0, 1), (1, 2), (2, 0))
    whole = blocks_of(three)
    monkeypatch.setattr("mapper.backend.alignment.blocks.CHUNK", 2)
    parts = blocks_of(three)
    torch.testing.assert_close(parts.H, whole.H, rtol=1e-4, atol=float(1e-4 * whole.H.abs().max()))
    assert float(parts.cost) == pytest.approx(float(whole.cost), rel=1e-5)

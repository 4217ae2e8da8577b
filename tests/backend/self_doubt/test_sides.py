"""Who contradicts whom decides which keyframes are doubted: the fewest that explain it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mapper.backend.self_doubt.sides import doubted_keyframes, stretches


@pytest.mark.parametrize("count", [20, 60])  # solved densely, and by a sparse solver
def test_the_smaller_of_two_sides_is_doubted_whole(count: int) -> None:
    ids = list(range(0, 2 * count, 2))
    wrong = set(ids[5:11])
    pairs = [(i, j) for i, j in itertools.combinations(ids, 2) if j - i <= 24]
    rng = np.random.default_rng(0)
    pairs = [pair for pair in pairs if rng.random() < 0.6]  # not all share a view
    agreeing = [(i, j) for i, j in pairs if (i in wrong) == (j in wrong)]
    contradicting = [pair for pair in pairs if pair not in agreeing]
    assert doubted_keyframes(ids, agreeing, contradicting) == wrong


def test_of_two_halves_the_later_one_is_doubted() -> None:
    ids = list(range(8))
    halves = ids[:4], ids[4:]
    agreeing = [pair for half in halves for pair in itertools.combinations(half, 2)]
    contradicting = list(itertools.product(*halves))
    assert doubted_keyframes(ids, agreeing, contradicting) == {4, 5, 6, 7}


def test_a_single_keyframe_that_others_contradict_is_found_without_any_agreement() -> None:
    assert doubted_keyframes([1, 2, 3, 4], [], [(1, 3), (2, 3), (3, 4)]) == {3}


def test_where_nothing_is_contradicted_nothing_is_doubted() -> None:
    assert doubted_keyframes([1, 2], [(1, 2)], []) == set()


def test_stretches_bridge_what_nothing_contradicts_in_between() -> None:
    ids = list(range(10, 22))
    assert stretches(ids, {11, 13, 19}) == [[11, 12, 13], [19]]
    assert stretches(ids, set()) == []

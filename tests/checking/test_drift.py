"""How errors of single steps add up, against what can be worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mapper.checking.drift import leverage


def test_two_keyframes_are_each_half_a_step_off() -> None:
    assert leverage([(0, 1)], 2) == pytest.approx(0.5)


def test_of_a_chain_it_is_that_of_a_random_walk() -> None:
    count = 12
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(20000, count - 1))
    walks = np.concatenate([np.zeros((20000, 1)), np.cumsum(steps, axis=1)], axis=1)
    walks -= walks.mean(axis=1, keepdims=True)
    chain = list(itertools.pairwise(range(count)))
    assert leverage(chain, count) == pytest.approx(np.sqrt((walks**2).mean()), rel=0.02)


def test_a_loop_makes_it_less() -> None:
    chain = list(itertools.pairwise(range(20)))
    assert leverage([*chain, (0, 19)], 20) < 0.75 * leverage(chain, 20)

"""The furthest keyframe comes first, by what was last said of each."""

from __future__ import annotations

import numpy as np

from mapper.backend.fusion.furthest import Furthest


def test_the_last_word_counts() -> None:
    far = Furthest()
    for k, distance in enumerate([0.1, 0.5, 0.3, np.inf, 0.3]):
        far.note(k, distance)
    far.note(1, 0.2)
    far.note(0, 0.4)
    far.note(3, 0.0)  # not at all any more
    assert [far.pop() for _ in range(len(far))] == [0, 4, 2, 1]


def test_those_that_are_forgotten_do_not_come_up_and_may_come_back() -> None:
    far = Furthest()
    far.note(0, 1.0)
    far.note(1, 2.0)
    far.forget(1)
    far.note(1, 0.5)
    assert [far.pop(), far.pop()] == [0, 1] and len(far) == 0


def test_what_is_outdated_does_not_pile_up() -> None:
    far, rng = Furthest(), np.random.default_rng(0)
    for _ in range(100):
        for k in range(20):
            far.note(k, float(rng.uniform(1, 2)))
    assert len(far) == 20 and len(far._heap) <= 2 * 20 + 65

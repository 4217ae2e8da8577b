"""Which keyframes hang together, and by whom a part is named."""

from __future__ import annotations

import pytest

from mapper.backend.graph.parts import Parts


def test_joined_parts_are_one_by_the_name_of_that_which_stays() -> None:
    parts = Parts()
    for k in range(5):
        parts.add(k)
    assert parts.join(0, 2) == {2} and parts.join(3, 4) == {4}
    assert parts.join(2, 4) == {3, 4}
    assert parts.root_of == {0: 0, 1: 1, 2: 0, 3: 0, 4: 0} and parts.count == 2


def test_who_names_a_part_stays_and_the_others_may_go() -> None:
    parts = Parts()
    for k in range(3):
        parts.add(k)
    parts.join(0, 1)
    parts.join(0, 2)
    with pytest.raises(ValueError, match=r"keyframe 0 holds the world of \[0, 1, 2\]"):
        parts.remove(0)
    parts.remove(1)
    assert parts.root_of == {0: 0, 2: 0} and parts.count == 1

"""When a map is sure enough to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mapper.frontends.mono.mapping.firmness import CONTRADICTED, FEWEST, SETTLED, UNSURE, Firmness
from mapper.frontends.mono.mapping.local_map import LocalMap


@dataclass
class Known:
    """A map of which only this is asked."""

    count: int
    unsure: float
    contradiction: float = 0.0
    apart: float = 0.0
    keyframes: range = field(init=False)

    def __post_init__(self) -> None:
        self.keyframes = range(self.count)

    def uncertainty(self, refine: Any) -> float:
        return self.unsure

    def disagreement(self, refine: Any) -> float:
        return self.apart


def is_told(known: Known) -> bool:
    return Firmness().judge(cast("LocalMap", known), FEWEST, None)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (Known(FEWEST, 0.9 * UNSURE), True),
        (Known(FEWEST - 1, 0.1 * UNSURE), False),
        (Known(FEWEST, 1.1 * UNSURE), False),
        # The more contradicts it, the surer it must be, and the longer it is waited for.
        (Known(2 * SETTLED, 0.9 * UNSURE, CONTRADICTED / 2), False),
        (Known(2 * SETTLED, 0.4 * UNSURE, CONTRADICTED / 2), True),
        (Known(2 * SETTLED - 1, 0.4 * UNSURE, CONTRADICTED / 2), False),
        (Known(50, 0.0, CONTRADICTED), False),
        (Known(FEWEST, 0.9 * UNSURE, apart=1.5 * UNSURE), True),
        (Known(FEWEST, 0.1 * UNSURE, apart=2.5 * UNSURE), False),
    ],
)
def test_a_map_is_told_once_it_is_sure_enough(known: Known, told: bool) -> None:
    assert is_told(known) == told


def test_what_has_ended_is_not_waited_for() -> None:
    known = cast("LocalMap", Known(SETTLED, 0.4 * UNSURE, CONTRADICTED / 2))
    assert not Firmness().judge(known, FEWEST, None)
    assert Firmness().judge(known, FEWEST, None, ended=True)


def test_what_was_told_stays_told() -> None:
    firmness = Firmness()
    assert firmness.judge(cast("LocalMap", Known(FEWEST, 0.0)), FEWEST, None)
    assert firmness.judge(cast("LocalMap", Known(SETTLED, 1.0, 1.0)), FEWEST, None)


def test_a_doubt_says_what_is_the_matter() -> None:
    for known, word in (
        (Known(FEWEST - 1, 0.0), "keyframes"),
        (Known(SETTLED, 0.5), "50% of the way"),
        (Known(SETTLED, UNSURE, 0.3), "30% of what they see does not fit"),
        (Known(SETTLED, 0.0, 0.9), "against 90%"),
        (Known(SETTLED, 0.0, apart=0.2), "near and far points put them 20%"),
    ):
        firmness = Firmness()
        firmness.judge(cast("LocalMap", known), FEWEST, None)
        assert word in firmness.doubt(cast("LocalMap", known))

"""Learning rates against those recorded of every published schedule, and of recipes."""

from __future__ import annotations

import json

import pytest
from golden.training.schedules import schedule_of

from mapper.train.recipe import RateRecipe
from tests.support.paths import COMMITTED_GOLDEN

RECORDED = json.loads((COMMITTED_GOLDEN / "training" / "schedules.json").read_text("utf-8"))


@pytest.mark.parametrize("name", RECORDED["schedules"])
def test_a_published_schedule_is_followed_exactly(name: str) -> None:
    of = RECORDED["schedules"][name]
    at = schedule_of(of)
    expected = [rate for _, rate in of["table"]]
    assert [at(moment) for moment, _ in of["table"]] == pytest.approx(
        expected, rel=1e-12, abs=1e-18
    )


@pytest.mark.parametrize(
    ("curve", "first", "warm"),
    [("from_start", 1e-6, 9), ("from_zero", 0.0, 10), ("from_lowest", 1e-5, 10), ("down", 1e-3, 0)],
)
def test_a_recipe_rises_and_falls_over_its_steps(curve: str, first: float, warm: int) -> None:
    rate = RateRecipe(highest=1e-3, lowest=1e-5, start=1e-6, warm_up=10, curve=curve)  # type: ignore[arg-type]
    schedule = rate.schedule(100)
    rates = [schedule.at(step, step) for step in range(101)]
    assert rates[0] == pytest.approx(first, rel=1e-3, abs=1e-12)
    assert max(rates) == pytest.approx(1e-3, rel=1e-3) and rates.index(max(rates)) == warm
    assert rates[99] == pytest.approx(1e-5, abs=1e-6)
    falling = rates[warm:100]
    assert falling == sorted(falling, reverse=True)

"""A frame of the published sizes costs a GPU no more than it did: counted without one."""

from __future__ import annotations

import pytest

from tests.support.pretended_gpu.budgets import budgets, lowered, over
from tests.support.pretended_gpu.configurations import CONFIGURATIONS
from tests.support.pretended_gpu.published import Cost, cost

SPENT = Cost(10, 0, 2, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
QUICK = ("cut3r-ttsa", "stream3r frame 200", "stream3r window", "wint3r")
EACH = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CONFIGURATIONS
]


@pytest.mark.parametrize("name", EACH)
def test_a_frame_stays_within_its_budget(name: str) -> None:
    assert over(name, cost(CONFIGURATIONS[name]), budgets()) == []


def test_what_costs_more_is_said_and_never_becomes_the_budget() -> None:
    name = next(iter(CONFIGURATIONS))
    limits = {name: {"launches": 9, "waits": 2, "up_mb": 1.0, "down_mb": 2.0, "peak_gb": 3.0}}
    limits[name]["gflop"] = 4.0
    assert over(name, SPENT, limits) == [f"{name}: launches 10, at most 9"]
    before = budgets()[name]
    after = lowered({name: Cost(1, 0, 10**6, 0.0, 1e6, 1e6, 1e6, 0.0, 0.0)})[name]
    assert after["launches"] == 1 and after["waits"] == before["waits"]
    assert after["up_mb"] == 0 and after["peak_gb"] == before["peak_gb"]

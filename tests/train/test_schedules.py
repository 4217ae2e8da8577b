"""Learning rates against those recorded of every published schedule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mapper.train.schedules import EpochCosine, OneCycle, ShareCosine, StepCosine
from tests.support.paths import COMMITTED_GOLDEN

RECORDED = json.loads((COMMITTED_GOLDEN / "training" / "schedules.json").read_text("utf-8"))


def rates(of: dict[str, Any]) -> list[float]:
    """Ours at the recorded moments."""
    s, moments = of["settings"], [moment for moment, _ in of["table"]]
    if "epochs" in s:
        by_epoch = EpochCosine(s["lr"], s["min_lr"], s["warmup_epochs"], s["epochs"])
        return [by_epoch.at(step / of["steps_per_epoch"], 0) for step in moments]
    if "warmup_start_lr" in s:
        limits = s["lr"], s["eta_min"], s["warmup_start_lr"]
        by_step = StepCosine(*limits, s["warmup_steps"], s["max_steps"])
        return [by_step.at(0, step) for step in moments]
    if "lengths" in s:
        by_share = ShareCosine(s["lr"], s["end"], s["lengths"][0], s["max_epochs"])
        return [by_share.at(share * s["max_epochs"], 0) for share in moments]
    lowest = s["lr"] / s["div_factor"] / s["final_div_factor"]
    cycle = OneCycle(s["lr"], lowest, s["total_steps"])
    return [cycle.at(0, step) for step in moments]


@pytest.mark.parametrize("name", RECORDED["schedules"])
def test_a_published_schedule_is_followed_exactly(name: str) -> None:
    of = RECORDED["schedules"][name]
    assert rates(of) == pytest.approx([rate for _, rate in of["table"]], rel=1e-12, abs=1e-18)

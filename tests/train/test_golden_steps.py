"""Whole optimiser steps of a network: gradients and losses as recorded.

The parameters that they leave are not compared: AdamW makes a step of every rounding.
"""

from __future__ import annotations

import pytest
from golden.recording import check
from golden.runners import RUNNERS

from tests.support.networks.published import recording, recordings

STEPS = [name for name in recordings("training") if name.endswith("stream3r_steps")]


@pytest.mark.parametrize("name", STEPS)
def test_gradients_and_losses_of_each_step_are_the_recorded_ones(name: str) -> None:
    verdict = check(recording("training", name), RUNNERS)
    compared = {difference.name for difference in verdict.differences}
    assert {"out.losses", "out.lr_f64"} < compared and len(compared) > 10
    assert [one for one in verdict.skipped if one.startswith("grad.")] == []
    assert [d for d in verdict.differences if not d.within(1e-4)] == []

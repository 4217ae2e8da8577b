"""The training losses and their gradients against recorded ones."""

from __future__ import annotations

import pytest
from golden.recording import check
from golden.runners import RUNNERS

from tests.support.networks.published import recording, recordings

LOSSES = [name for name in recordings("training") if "loss" in name or "streamvggt" in name]
FIRST_LOSSES = [name for name in recordings("vggt") if "/loss_" in name]
TOLERANCE = {"terms": 1e-5, "out": 1e-5, "norm": 1e-5, "grad": 1e-4}
# What a criterion makes on its way that no total, term or gradient would be right without.
ON_THE_WAY = ("norm.", "view0.", "out.total_as_published", "grad.")


@pytest.mark.parametrize("name", LOSSES)
def test_totals_terms_and_gradients_are_the_recorded_ones(name: str) -> None:
    verdict = check(recording("training", name), RUNNERS)
    compared = {difference.name for difference in verdict.differences}
    assert "out.total" in compared and any(one.startswith("grad.") for one in compared)
    assert any(one.startswith("terms.") for one in compared)
    missing = [one for one in verdict.skipped if not one.startswith(ON_THE_WAY)]
    assert missing == []
    far = [d for d in verdict.differences if not d.within(TOLERANCE[d.name.split(".")[0]])]
    assert far == []


@pytest.mark.parametrize("name", FIRST_LOSSES)
def test_what_was_recorded_of_losses_first_is_reproduced(name: str) -> None:
    verdict = check(recording("vggt", name), RUNNERS)
    assert verdict.covered and verdict.skipped == [] and len(verdict.differences) >= 10
    assert [d for d in verdict.differences if not d.within(1e-5)] == []

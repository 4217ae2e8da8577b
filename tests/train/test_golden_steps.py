"""Whole optimiser steps of a network: gradients, losses and parameters as recorded.

AdamW makes a step of every rounding where a gradient vanishes: how much of losses and parameters
that may be the files say.
"""

from __future__ import annotations

import pytest
import torch
from golden.recording import Golden, Slack, check, compare
from golden.runners import RUNNERS
from golden.training.steps import slack_of

from tests.support.networks.published import recording, recordings

STEPS = [name for name in recordings("training") if "_steps" in name]


@pytest.mark.parametrize("name", STEPS)
def test_gradients_and_losses_of_each_step_are_the_recorded_ones(name: str) -> None:
    verdict = check(recording("training", name), RUNNERS)
    compared = {difference.name for difference in verdict.differences}
    assert {"out.losses", "out.lr_f64"} < compared and len(compared) > 10
    assert verdict.skipped == []
    assert [d for d in verdict.differences if not d.within(1e-4)] == []


def test_what_rounding_may_do_hides_no_step_that_goes_another_way() -> None:
    """A loss off by a hundredth, and parameters that did not move, are seen."""
    golden = recording("training", "committed/cut3r_steps_long_linear")
    slack, losses = slack_of(golden), golden.tensors["out.losses"]
    assert not compare("out.losses", losses, losses * 1.01, slack=slack["out.losses"]).within(1e-4)
    _, path = golden.sidecar["weights"].split("/", 1)
    before = Golden.open(golden.path.parents[1] / path).tensors
    moved = [name for name, far in golden.sidecar["moved_after_last_step"].items() if far]
    assert len(moved) >= 5
    for parameter in moved:
        name = f"param.step0.{parameter}"
        stood = compare(name, golden.tensors[name], before[parameter], slack=slack[name])
        assert not stood.within(1e-4)


def test_rounding_spares_a_share_of_the_elements_and_no_more() -> None:
    expected, ours = torch.ones(200), torch.ones(200)
    ours[:2] = 2.0
    allowed = Slack(torch.tensor(1e-3), 0.99)
    assert compare("p", expected, ours, slack=allowed).within(1e-4)
    ours[2] = 2.0
    assert not compare("p", expected, ours, slack=allowed).within(1e-4)

"""What the logarithm of a confidence weighs: as published, and for errors that are larger."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mapper.train.batch import TrainingBatch
from mapper.train.data.batches import Batches, Source
from mapper.train.losses.cut3r import Cut3rCriterion, cut3r_loss
from mapper.train.losses.cut3r_units import Cut3rOutput
from mapper.train.losses.terms import ALPHA
from mapper.train.networks import trained_network
from mapper.train.recipe import DataRecipe, Recipe
from tests.support.networks.trained import CUT3R, SIDE, Wall

DATA = DataRecipe(width=SIDE, height=SIDE, views=2, sequences=1, longest_interval=2)
OFF = 0.5  # of every point, in units of the mean distance


def batch() -> TrainingBatch:
    return Batches([Source([Wall()])], DATA, 0)[0]


def output(of: TrainingBatch, confidence: Tensor) -> Cut3rOutput:
    """All points off by a half of their mean distance, in one direction."""
    points = of.points_in_first
    unit = points[of.valid].norm(dim=-1).mean()
    cameras = torch.zeros(*points.shape[:2], 7)
    cameras[..., 3] = 1
    shift = torch.tensor([0.0, 0.0, OFF]) * unit
    return Cut3rOutput(points + shift, confidence.expand(of.depth.shape), cameras)


def best_confidence(alpha: float) -> float:
    """Where the loss is least, among a hundred."""
    of, tried = batch(), torch.linspace(1.0, 5.0, 101)
    criterion = Cut3rCriterion(alpha=alpha)
    totals = [float(cut3r_loss(output(of, one), of, criterion).total) for one in tried]
    return float(tried[int(torch.tensor(totals).argmin())])


def test_a_confidence_is_the_weight_by_the_error() -> None:
    """An error above the published weight can be no less sure than it is: all are alike."""
    assert best_confidence(ALPHA) == 1.0
    assert best_confidence(1.0) == pytest.approx(1.0 / OFF, abs=0.05)


def test_a_recipe_says_it_and_says_it_as_published_where_it_does_not() -> None:
    of, plain = batch(), Recipe(model="cut3r", network=CUT3R, data=DATA)
    published, higher = (
        next(iter(trained_network(recipe).objective(of)))
        for recipe in (plain, replace(plain, alpha=1.0))
    )
    assert Cut3rCriterion().alpha == plain.alpha == ALPHA == 0.2
    assert float(higher.total.detach()) < float(published.total.detach())
    for name, distance in published.parts.items():
        if "distance" in name:
            assert torch.equal(distance, higher.parts[name])

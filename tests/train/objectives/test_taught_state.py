"""Where CUT3R's state keeps what it saw, and whether it is found again, is asked of true depth."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends.cut3r.model import Cut3r
from mapper.train.batch import TrainingBatch
from mapper.train.data.batches import joined
from mapper.train.data.published import PLAIN
from mapper.train.networks import trained_network
from mapper.train.objectives.cut3r import Cut3rObjective
from mapper.train.objectives.taught_state import TaughtState
from mapper.train.recipe import DataRecipe, Recipe
from tests.support.networks.trained import SIDE, SMALL_PATCHES, Wall

PATCH = 14


def views(aside: float) -> TrainingBatch:
    """A wall seen twice, the second time by a camera so many patches further right."""
    view = Wall().view(0)
    depth = 0 * view.depth + 2
    T = view.T_world_camera.copy()
    T[0, 3] = aside * PATCH * 2 / view.intrinsics[0, 0]
    first = replace(view, depth=depth)
    return joined([[first, replace(first, T_world_camera=T)]], [PLAIN])


def told_of(network: Cut3r, taught: TaughtState, batch: TrainingBatch) -> tuple[float, float]:
    next(iter(Cut3rObjective(network)(batch)))
    cost, right = taught(batch)
    return float(cost.detach()), float(right)


def looking_at_its_own_place(block: int) -> Cut3r:
    """All cross attention from that block on asks for nothing but its own place."""
    network = trained_network(Recipe(model="cut3r", network=SMALL_PATCHES)).model
    assert isinstance(network, Cut3r)
    with torch.no_grad():
        for blocks in (network.dec_blocks, network.dec_blocks_state):
            for attention in [one.get_submodule("cross_attn") for one in blocks][block:]:
                for name in ("projq", "projk"):
                    attention.get_parameter(f"{name}.weight").zero_()
                    attention.get_parameter(f"{name}.bias").fill_(20.0)
    return network


def begun() -> Cut3r:
    network = trained_network(Recipe(model="cut3r", network=SMALL_PATCHES, matching=1.0)).model
    assert isinstance(network, Cut3r)
    return network


def test_a_network_begins_with_the_first_view_in_its_state() -> None:
    """It finds there what a camera that stands sees again; drawn by chance alone it does not."""
    drawn = trained_network(Recipe(model="cut3r", network=SMALL_PATCHES)).model
    assert isinstance(drawn, Cut3r)
    (_, chance), (_, found) = (
        told_of(network, TaughtState(network, 2), views(0)) for network in (drawn, begun())
    )
    assert chance < 0.1 and found > 0.4


def test_a_camera_that_stands_finds_all_where_it_was() -> None:
    network = looking_at_its_own_place(0)
    cost, right = told_of(network, TaughtState(network, 1), views(0))
    assert right == 1 and cost < 1e-3


def test_what_is_seen_a_patch_aside_is_looked_for_there() -> None:
    network = looking_at_its_own_place(0)
    cost, right = told_of(network, TaughtState(network, 1), views(1))
    assert right == 0 and cost > 10


def test_the_place_is_asked_of_the_first_block_and_the_rest_of_the_other() -> None:
    """The place costs, and what is seen again does not: of the drawn block 0."""
    network = looking_at_its_own_place(1)
    cost, right = told_of(network, TaughtState(network, 1), views(0))
    assert right == 1 and 1 < cost < 20


def test_views_with_nothing_in_common_teach_the_place_alone() -> None:
    network = looking_at_its_own_place(0)
    cost, right = told_of(network, TaughtState(network, 1), views(100))
    assert right == 0 and cost < 1e-3


def test_every_pass_is_told_of_itself() -> None:
    """What was computed meanwhile, when a network is looked at, counts for nothing."""
    network = looking_at_its_own_place(0)
    taught, objective = TaughtState(network, 1), Cut3rObjective(network)
    before = told_of(network, taught, views(1))
    for _ in range(40):
        objective.seen(views(0))
    assert told_of(network, taught, views(1)) == before


@pytest.mark.parametrize(
    ("changes", "block", "why"),
    [
        ({}, 0, "one of 1 to 3"),
        ({}, 4, "one of 1 to 3"),
        ({"state_pe": "none"}, 1, "state_pe 2d"),
        ({"state_size": 36}, 1, "network.state_size higher"),
    ],
)
def test_a_network_that_cannot_be_told_is_refused(
    changes: dict[str, object], block: int, why: str
) -> None:
    recipe = Recipe(
        model="cut3r", network={**SMALL_PATCHES, **changes}, matching=1.0, matching_block=block,
        data=DataRecipe(width=SIDE, height=SIDE, views=2, sequences=1),
    )  # fmt: skip
    with pytest.raises(ConfigError, match=why):
        next(iter(trained_network(recipe).objective(views(0))))

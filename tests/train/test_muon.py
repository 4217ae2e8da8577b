"""Matrices of blocks by Muon, the rest by AdamW, as one optimiser that can be stored."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mapper.errors import ConfigError
from mapper.train.losses.terms import Loss
from mapper.train.muon import MuonAndAdamW
from mapper.train.parameters import Optimisation, optimiser
from mapper.train.stepping import OptimiserStep

CHOSEN = Optimisation(matrices=3.0, weight_decay=0.0)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.head = nn.Linear(4, 2)

    @property
    def linears(self) -> list[nn.Linear]:
        return [block for block in self.blocks if isinstance(block, nn.Linear)]


def moved(model: Network, steps: int, adam: torch.optim.Optimizer) -> list[torch.Tensor]:
    for step in range(steps):
        torch.manual_seed(step)
        for group in adam.param_groups:
            group["lr"] = 0.1 * group.get("multiple", 1.0)
        adam.zero_grad()
        features = torch.randn(8, 4)
        for block in model.linears:
            features = block(features).tanh()
        model.head(features).square().sum().backward()
        adam.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_matrices_of_blocks_move_by_their_own_rate_in_every_direction_alike() -> None:
    torch.manual_seed(0)
    model = Network()
    before = [block.weight.detach().clone() for block in model.linears]
    adam = optimiser(model, CHOSEN)
    assert isinstance(adam, MuonAndAdamW)
    moved(model, 1, adam)
    for old, block in zip(before, model.linears, strict=True):
        sizes = torch.linalg.svdvals(block.weight.detach() - old)
        # 0.2 of the rate a number, as AdamW moves them; all directions by about as much.
        assert sizes.max() < 2.5 * sizes.min()
        assert 0.5 < sizes.mean() / (0.1 * 3 * 0.2 * 2) < 1.5


def test_a_stored_one_goes_on_to_the_last_bit() -> None:
    torch.manual_seed(0)
    model = Network()
    adam = optimiser(model, CHOSEN)
    moved(model, 2, adam)
    again = copy.deepcopy(model)
    restored = optimiser(again, CHOSEN)
    restored.load_state_dict(copy.deepcopy(adam.state_dict()))
    expected, found = moved(model, 2, adam), moved(again, 2, restored)
    assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))


def test_the_rate_of_a_step_is_multiplied_for_matrices() -> None:
    model = Network()
    adam = optimiser(model, CHOSEN)
    step = OptimiserStep(model, lambda _: iter([Loss(model.head.bias.sum(), {})]), adam)
    step([None], 0.5)  # type: ignore[list-item]
    assert [group["lr"] for group in adam.param_groups] == [1.5, 0.5]


def test_nothing_of_blocks_is_all_by_adamw_and_an_old_torch_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(optimiser(nn.Linear(2, 2), CHOSEN), torch.optim.AdamW)
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigError, match="matrices=0 does without"):
        optimiser(Network(), CHOSEN)

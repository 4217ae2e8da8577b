"""Which parameters are trained, and how: frozen parts and groups of one weight decay.

Sections 8.1 and 8.7 of the training specification.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from mapper.errors import ConfigError
from mapper.train.muon import MuonAndAdamW

Decay = Literal["matrices", "all"]


@dataclass(frozen=True, slots=True)
class Optimisation:
    """decay: on matrices and tables alone, or on everything. betas, weight_decay: of AdamW.
    matrices: rate of Muon for those of blocks, as a multiple of the others'; 0 = AdamW for all."""

    decay: Decay = "matrices"
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    matrices: float = 0.0


def freeze(model: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Take the parameters whose names match a pattern from training; their names.

    A pattern is a name or part of a tree of them, with * for anything. Raises ConfigError for one
    that matches nothing: what was to be kept would be trained.
    """
    names = dict(model.named_parameters())
    frozen: set[str] = set()
    for pattern in patterns:
        matched = {
            name
            for name in names
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")
        }
        if not matched:
            raise ConfigError(f"freeze: {pattern!r} is the name of no parameter of this network")
        frozen |= matched
    for name in frozen:
        names[name].requires_grad_(False)
    return [name for name in names if name in frozen]


def optimiser(model: nn.Module, chosen: Optimisation) -> torch.optim.Optimizer:
    """AdamW over what is not frozen, the learning rate still 0; of a Muon beside it. Raises
    ConfigError where there is nothing to train."""
    named = list(model.named_parameters())
    if not any(parameter.requires_grad for _, parameter in named):
        raise ConfigError("freeze: it leaves nothing of the network to train")
    of_blocks = [pair for pair in named if chosen.matrices and is_of_block(*pair)]
    moved = {name for name, _ in of_blocks}
    others = parameter_groups([pair for pair in named if pair[0] not in moved], chosen)
    matrices = parameter_groups(of_blocks, chosen)
    if matrices and others:
        return MuonAndAdamW(matrices, others, chosen.matrices, chosen.betas)
    return torch.optim.AdamW(matrices + others, lr=0.0, betas=chosen.betas, eps=1e-8)


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]], chosen: Optimisation
) -> list[dict[str, Any]]:
    """Groups in the order in which their first parameters appear."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if not parameter.requires_grad:
            continue
        spared = chosen.decay == "matrices" and is_spared(name, parameter)
        groups.setdefault(0.0 if spared else chosen.weight_decay, []).append(parameter)
    return [{"params": found, "weight_decay": decay} for decay, found in groups.items()]


def is_of_block(name: str, parameter: nn.Parameter) -> bool:
    """The matrices between the tokens of transformers, of which Muon moves each as a whole."""
    return parameter.ndim == 2 and any(part in name for part in ("blocks", "trunk"))


def is_spared(name: str, parameter: nn.Parameter) -> bool:
    """Biases and whatever has one dimension do not decay; tokens do, as they have more."""
    return parameter.ndim <= 1 or name.endswith(".bias")

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

Decay = Literal["matrices", "all"]


@dataclass(frozen=True, slots=True)
class Optimisation:
    """decay: on matrices and tables alone, or on everything. betas, weight_decay: of AdamW."""

    decay: Decay = "matrices"
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)


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


def optimiser(model: nn.Module, chosen: Optimisation) -> torch.optim.AdamW:
    """AdamW over what is not frozen, the learning rate still 0. Raises ConfigError where that is
    nothing."""
    groups = parameter_groups(model, chosen)
    if not groups:
        raise ConfigError("freeze: it leaves nothing of the network to train")
    return torch.optim.AdamW(groups, lr=0.0, betas=chosen.betas, eps=1e-8)


def parameter_groups(model: nn.Module, chosen: Optimisation) -> list[dict[str, Any]]:
    """Groups in the order in which their first parameters appear."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        spared = chosen.decay == "matrices" and is_spared(name, parameter)
        groups.setdefault(0.0 if spared else chosen.weight_decay, []).append(parameter)
    return [{"params": found, "weight_decay": decay} for decay, found in groups.items()]


def is_spared(name: str, parameter: nn.Parameter) -> bool:
    """Biases and whatever has one dimension do not decay; tokens do, as they have more."""
    return parameter.ndim <= 1 or name.endswith(".bias")

"""Puts the tensors of a checkpoint into a network, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mapper.errors import InputError


def move(network: nn.Module, device: torch.device, spared: Iterable[str]) -> None:
    """Move a network, in place, but for the modules of these names, which nobody will ask."""
    left: list[tuple[nn.Module, str, nn.Module]] = []
    for name in spared:
        parent, _, child = name.rpartition(".")
        owner = network.get_submodule(parent)
        if child in owner._modules:
            left.append((owner, child, network.get_submodule(name)))
            owner._modules[child] = None
    network.to(device)
    for owner, child, module in left:
        owner._modules[child] = module


def load_strictly(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Take over the tensors themselves. Raises InputError where a name or a shape does not fit."""
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        fault = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            f"{path}: the weights do not fit the network ({fault[:160]}); "
            "mapper weights verify says more"
        ) from error

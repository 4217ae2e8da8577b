"""Puts the tensors of a checkpoint into a network, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mapper.errors import InputError


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

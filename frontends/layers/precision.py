"""In which type a network computes its products; all else stays float32.

Norms, the residual stream, rotations, softmax and whatever the model's own list leaves out keep
float32, as published under autocast. A layer computes in the type of its weights, which are
converted once: no autocast, which would convert them at every call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, Protocol

import torch
from torch import nn

from mapper.frontends.layers.int8_linear import Int8Linear
from mapper.frontends.layers.linear import Linear

Precision = Literal["float32", "bfloat16", "float16", "int8"]
TYPES: Final[dict[Precision, torch.dtype]] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.bfloat16,  # of what is no linear layer, attention above all
}


class Network(Protocol):
    """What every network of a learned frontend tells of itself."""

    @property
    def products(self) -> list[nn.Module]:
        """The parts whose products may be computed in half precision: the trunks."""

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of the dense heads that may be, where that is worth the digits."""


def set_precision(network: Network, precision: Precision, device: torch.device) -> None:
    """Convert a network, in place, before it is moved to the device.

    Heads stay float32 on a GPU, as published; on a CPU their convolutions would take a third of a
    frame whose trunk is computed in half precision.
    """
    set_products(network.products, precision)
    if device.type == "cpu":
        set_products(network.dense, "bfloat16" if precision == "int8" else precision)


def set_products(parts: Iterable[nn.Module], precision: Precision) -> None:
    """Convert the linear layers and convolutions of some parts of a network, in place."""
    for part in parts:
        if precision == "int8":
            _replace_linears(part)
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                module.to(TYPES[precision])


def answer_type(layer: nn.Module) -> torch.dtype:
    """The type of what a linear layer answers."""
    if isinstance(layer, Int8Linear):
        return TYPES["int8"]
    return layer.get_parameter("weight").dtype


def _replace_linears(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Linear):
            setattr(module, name, Int8Linear(child))
        else:
            _replace_linears(child)

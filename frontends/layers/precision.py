"""In which type a network computes its products; all else stays float32.

Norms, the residual stream, rotations, softmax and whatever the model's own list leaves out (heads)
keep float32, as published under autocast. A layer computes in the type of its weights, which are
converted once: no autocast, which would convert them at every call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

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


def set_products(parts: Iterable[nn.Module], precision: Precision) -> None:
    """Convert the linear layers and convolutions of some parts of a network, in place."""
    for part in parts:
        if precision == "int8":
            _replace_linears(part)
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
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

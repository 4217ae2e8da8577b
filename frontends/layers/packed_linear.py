"""Linear layers in oneDNN's own weight layout, for products of a few rows again and again.

With rows enough, `mapper.frontends.layers.linear` is as fast on plain weights; with four of them a
plain weight is read at half the speed of a packed one.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from mapper.frontends.layers.linear import AVAILABLE
from mapper.frontends.layers.mlp import Mlp

CAN_PACK: Final = AVAILABLE and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


class PackedLinear(nn.Module):
    """A linear layer for inference in float32 on the CPU, perhaps with a GELU after it.

    Not to be moved, saved or trained: the plain weight is not kept. Equal to the plain layer up to
    rounding.
    """

    def __init__(self, linear: nn.Linear, gelu: bool = False) -> None:
        super().__init__()
        self.bias = linear.bias
        self._after: tuple[str, list[Any], str] = ("gelu", [], "none") if gelu else ("none", [], "")
        # No buffer: such a tensor can only be multiplied with.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to (..., out)."""
        return torch.ops.mkldnn._linear_pointwise(tokens, self._weight, self.bias, *self._after)


def pack_linears(module: nn.Module) -> None:
    """Replace all linear layers and perceptrons inside; where CAN_PACK, and float32 on the CPU."""
    for name, child in module.named_children():
        if isinstance(child, Mlp):
            packed = (PackedLinear(child.fc1, gelu=True), PackedLinear(child.fc2))
            setattr(module, name, nn.Sequential(*packed))
        elif isinstance(child, nn.Linear):
            setattr(module, name, PackedLinear(child))
        else:
            pack_linears(child)

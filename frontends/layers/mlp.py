"""The perceptrons of transformer blocks."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.linear import Linear


class Mlp(nn.Module):
    """fc1, exact GELU, fc2."""

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width if out is None else out)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to (..., out)."""
        return self.fc2(self.fc1(tokens, gelu=True))


class GatedMlp(nn.Module):
    """w12, half of it gated by the SiLU of the other half, w3.

    Source: Shazeer, GLU Variants Improve Transformer, 2020.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w12 = Linear(width, 2 * hidden)
        self.w3 = Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to the same."""
        gate, value = self.w12(tokens).chunk(2, -1)
        return self.w3(functional.silu(gate) * value)

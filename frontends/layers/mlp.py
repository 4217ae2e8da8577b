"""The two-layer perceptron of every transformer block."""

from __future__ import annotations

from torch import Tensor, nn

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

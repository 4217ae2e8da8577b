"""The two-layer perceptron of every transformer block."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    """fc1, exact GELU, fc2."""

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width if out is None else out)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to (..., out)."""
        return self.fc2(functional.gelu(self.fc1(tokens)))

"""Transformer block whose norms are shifted and scaled by a conditioning token."""

from __future__ import annotations

from torch import Tensor, nn

from mapper.frontends.layers.attention import SelfAttention
from mapper.frontends.layers.block import layer_norm
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.layers.rope import Rope2D


class ModulatedNorm(nn.Module):
    """Layer norm, then (1 + scale) and shift from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = layer_norm(width)
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """tokens (B, n, width), condition (B, width)."""
        shift, scale = self.mlp(condition)[:, None].chunk(2, -1)
        return self.norm(tokens) * (1 + scale) + shift


class ModulatedBlock(nn.Module):
    """Self attention and perceptron behind modulated norms."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = ModulatedNorm(width)
        self.attn = SelfAttention(width, heads)
        self.norm2 = ModulatedNorm(width)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, tokens: Tensor, condition: Tensor, rope: Rope2D) -> Tensor:
        """tokens (B, n, width), condition (B, width); returns (B, n, width)."""
        tokens = tokens + self.attn(self.norm1(tokens, condition), rope)
        return tokens + self.mlp(self.norm2(tokens, condition))

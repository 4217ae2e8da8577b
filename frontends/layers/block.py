"""Transformer blocks: pre-norm self attention, with or without cross attention."""

from __future__ import annotations

from torch import Tensor, nn

from mapper.frontends.layers.attention import PLAIN, CrossAttention, Reading, SelfAttention
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.layers.rope import Rope2D

NORM_EPS = 1e-6


def layer_norm(width: int) -> nn.LayerNorm:
    """Layer norm with the eps that the whole family of models uses."""
    return nn.LayerNorm(width, eps=NORM_EPS)


class EncoderBlock(nn.Module):
    """Self attention and perceptron."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = layer_norm(width)
        self.attn = SelfAttention(width, heads)
        self.norm2 = layer_norm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, tokens: Tensor, rope: Rope2D | None) -> Tensor:
        """(B, n, width) to (B, n, width)."""
        tokens = tokens + self.attn(self.norm1(tokens), rope)
        return tokens + self.mlp(self.norm2(tokens))


class DecoderBlock(nn.Module):
    """Self attention, cross attention to a context, perceptron; the context stays as it is."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = layer_norm(width)
        self.attn = SelfAttention(width, heads)
        self.cross_attn = CrossAttention(width, heads)
        self.norm2 = layer_norm(width)
        self.norm3 = layer_norm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.norm_y = layer_norm(width)

    def forward(self, tokens: Tensor, context: Tensor, reading: Reading = PLAIN) -> Tensor:
        """tokens (B, m, width), context (B, n, width); returns (B, m, width)."""
        tokens = tokens + self.attn(self.norm1(tokens), reading.rope)
        tokens = tokens + self.cross_attn(self.norm2(tokens), self.norm_y(context), reading)
        return tokens + self.mlp(self.norm3(tokens))


def compile_blocks(model: nn.Module, *others: type[nn.Module]) -> None:
    """Compile the transformer blocks, and modules of other kinds, in place: that is where the
    kernels are small and many."""
    for module in model.modules():
        if isinstance(module, (EncoderBlock, DecoderBlock, *others)):
            module.compile()

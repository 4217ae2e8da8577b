"""The transformer block of encoder, aggregator and camera head.

The weights' type decides in which precision a product is computed; the residual stream, norms and
rotations are float32 always, so a network with bfloat16 weights needs no autocast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.mlp import GatedMlp, Mlp
from mapper.frontends.layers.rope import Rope2D

# Query, key and value (B, n, heads, d) to the mixed values (B, n, heads * d).
Mix = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """width: C. eps: of the norms. scale: initial layer scale. qk_norm: norm queries and keys, by
    `qk_eps` where that is another one. gated: hidden width of a gated perceptron, 0 = a plain one.
    """

    width: int
    heads: int
    mlp_ratio: float
    eps: float
    scale: float
    qk_norm: bool = False
    qk_eps: float = 0.0
    gated: int = 0


class Attention(nn.Module):
    """One fused projection, optional norms of queries and keys, rotation, any way of mixing."""

    def __init__(self, sizes: BlockSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.qkv = Linear(sizes.width, 3 * sizes.width)
        if sizes.qk_norm:
            head_dim = sizes.width // sizes.heads
            self.q_norm = nn.LayerNorm(head_dim, eps=sizes.qk_eps or sizes.eps)
            self.k_norm = nn.LayerNorm(head_dim, eps=sizes.qk_eps or sizes.eps)
        self.normed = sizes.qk_norm
        self._gains: tuple[Tensor, Tensor] | None = None  # of both norms, (2, 1, d) each
        self.proj = Linear(sizes.width, sizes.width)

    def forward(self, tokens: Tensor, rope: Rope2D | None, mix: Mix) -> Tensor:
        """(B, n, width) to the same; n may be several frames of as many tokens as `rope` has."""
        on_gpu = tokens.device.type == "cuda" and not torch.is_grad_enabled()
        if rope is not None and self.normed and on_gpu:
            return self.proj(mix(*self._turned_together(tokens, rope)))
        query, key, value = self.projected(tokens)
        if rope is not None:
            query, key = rotated(query, rope), rotated(key, rope)
        return self.proj(mix(query.to(value.dtype), key.to(value.dtype), value))

    def train(self, mode: bool = True) -> Attention:
        """As of any module; what was kept of the weights is looked up again."""
        self._gains = None
        return super().train(mode)

    def projected(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value (B, n, heads, d), the first two after their norms."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.unbind(2)
        if self.normed:
            query, key = self.q_norm(query.float()), self.k_norm(key.float())
        return query, key, value

    def _turned_together(self, tokens: Tensor, rope: Rope2D) -> tuple[Tensor, Tensor, Tensor]:
        """The same after their rotation, queries and keys at once: half as many kernels."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        both = functional.layer_norm(qkv[:, :, :2].float(), qkv.shape[-1:], eps=self.q_norm.eps)
        if self._gains is None or self._gains[0].device != tokens.device:
            norms = (self.q_norm, self.k_norm)
            gains: list[Tensor] = [norm.weight for norm in norms]
            gains += [norm.bias for norm in norms]
            together = torch.stack(gains)[:, None]
            self._gains = together[:2], together[2:]
        weight, bias = self._gains
        turned = rotated(torch.addcmul(bias, both, weight).flatten(2, 3), rope)
        query, key = turned.to(qkv.dtype).split(self.heads, 2)
        return query, key, qkv[:, :, 2]


def rotated(tokens: Tensor, rope: Rope2D) -> Tensor:
    """(B, frames * p, heads, d) with the same p positions in every frame."""
    positions = len(rope.cos)
    return rope.rotate(tokens.unflatten(1, (-1, positions))).flatten(1, 2)


class LayerScale(nn.Module):
    """One learned factor a channel."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), scale))

    def forward(self, tokens: Tensor, change: Tensor) -> Tensor:
        """tokens + gamma * change, in the type of the tokens."""
        return torch.addcmul(tokens, self.gamma, change)


class Block(nn.Module):
    """Pre-norm attention and perceptron, each scaled a channel."""

    def __init__(self, sizes: BlockSizes) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes.width, eps=sizes.eps)
        self.attn = Attention(sizes)
        self.ls1 = LayerScale(sizes.width, sizes.scale)
        self.norm2 = nn.LayerNorm(sizes.width, eps=sizes.eps)
        self.mlp: nn.Module = Mlp(sizes.width, int(sizes.width * sizes.mlp_ratio))
        if sizes.gated:
            self.mlp = GatedMlp(sizes.width, sizes.gated)
        self.ls2 = LayerScale(sizes.width, sizes.scale)

    def forward(self, tokens: Tensor, rope: Rope2D | None = None, mix: Mix = attend) -> Tensor:
        """(B, n, width) to the same."""
        tokens = self.ls1(tokens, self.attn(self.norm1(tokens), rope, mix))
        return self.ls2(tokens, self.mlp(self.norm2(tokens)))

    def measured(self, tokens: Tensor, rope: Rope2D | None, mix: Mix) -> tuple[Tensor, Tensor]:
        """The same, and the length (B, n) of what the perceptron adds to each token."""
        tokens = self.ls1(tokens, self.attn(self.norm1(tokens), rope, mix))
        after = self.ls2(tokens, self.mlp(self.norm2(tokens)))
        return after, (after - tokens).float().norm(dim=-1)

"""Self and cross attention with rotary positions; never materialises an attention map."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mapper.frontends.layers.cpu_attention import by_products, mixed_by_products
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.rope import Rope2D


class LogitObserver(Protocol):
    """Reduces the pre-softmax logits of a stack of cross attentions, a layer at a time."""

    def add(self, query: Tensor, key: Tensor) -> None:
        """query (B, m, heads, d) and key (B, n, heads, d), both already rotated."""
        ...


class Reading(NamedTuple):
    """How tokens attend to a context. rope, context_rope: positions of either; None = they have
    none. observer: is shown the logits."""

    rope: Rope2D | None = None
    context_rope: Rope2D | None = None
    observer: LogitObserver | None = None


PLAIN: Final = Reading()


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of (B, tokens, heads, d); returns (B, m, heads * d).

    mask: (m, n) bool, true where a query may look; None = everywhere.
    """
    if mask is None and by_products(query, key, value):
        return mixed_by_products(query, key, value).flatten(2)
    mixed = scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=mask
    )
    return mixed.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Attention of tokens among themselves with one fused projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, tokens: Tensor, rope: Rope2D | None) -> Tensor:
        """(B, n, width) to (B, n, width)."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.unbind(2)
        if rope is not None and tokens.device.type == "cuda":  # half as many kernels
            query, key = rope.rotate(qkv[:, :, :2].flatten(2, 3)).split(self.heads, 2)
        elif rope is not None:
            query, key = rope.rotate(query), rope.rotate(key)
        return self.proj(attend(query, key, value))


class CrossAttention(nn.Module):
    """Attention of tokens to a context."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projq = Linear(width, width)
        self.projk = Linear(width, width)
        self.projv = Linear(width, width)
        self.proj = Linear(width, width)

    def forward(self, tokens: Tensor, context: Tensor, reading: Reading = PLAIN) -> Tensor:
        """tokens (B, m, width), context (B, n, width); returns (B, m, width)."""
        rope, context_rope, observer = reading
        if context.shape[1] == 1 and observer is None:
            # The softmax over one key is 1 whatever the query, so neither is needed.
            return self.proj(self.projv(context)).expand(tokens.shape)
        query = self.projq(tokens).unflatten(-1, (self.heads, -1))
        key = self.projk(context).unflatten(-1, (self.heads, -1))
        value = self.projv(context).unflatten(-1, (self.heads, -1))
        if rope is not None:
            query = rope.rotate(query)
        if context_rope is not None:
            key = context_rope.rotate(key)
        if observer is not None:
            observer.add(query, key)
        return self.proj(attend(query, key, value))

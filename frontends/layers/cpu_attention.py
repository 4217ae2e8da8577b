"""Attention on a CPU by oneDNN's matrix products, which beat PyTorch's flash kernel there.

In half precision only the values are mixed by half-precision products: logits that are rounded to
eight bits would move a probability by percents, so they are float32 like the softmax, as in the
kernels that GPUs have.
"""

from __future__ import annotations

import itertools
from typing import Final

from torch import Tensor

from mapper.frontends.layers.linear import FEWEST_ROWS, product, suits

LOGITS: Final = 640_000  # of a head at a time: 2.5 MB, which a CPU's cache may hold


def by_products(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether `mixed_by_products` can do it: enough queries, no gradients, a type of oneDNN."""
    return (
        query.shape[1] >= FEWEST_ROWS
        and suits(query[0, :, 0].to(value.dtype), value[0, :1, 0])
        and suits(query[0, :, 0].float(), key[0, :1, 0].float())
    )


def mixed_by_products(
    query: Tensor, key: Tensor, value: Tensor, denominator: Tensor | None = None
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of (B, n, heads, d), in the type of the values.

    A few rows of a head at a time. denominator: (B, n, heads) float32, filled with the logarithm of
    the softmax's.
    """
    mixed = value.new_empty(query.shape)
    scaled = (query.float() * query.shape[-1] ** -0.5).transpose(1, 2).contiguous()
    step = _queries_at_a_time(query.shape[1], key.shape[1])
    for b, head in itertools.product(range(query.shape[0]), range(query.shape[2])):
        # What a head reads lies side by side in a cache; elsewhere a copy is cheap.
        keys = key[b, :, head].float().contiguous()
        values = value[b, :, head].contiguous().t()
        for at in range(0, query.shape[1], step):
            part = slice(at, at + step)
            logits = product(scaled[b, head, part], keys)
            share = logits.softmax(-1)
            mixed[b, part, head] = product(share.to(values.dtype), values)
            if denominator is not None:
                # The largest share is exp(largest logit) over the denominator.
                denominator[b, part, head] = logits.amax(-1) - share.amax(-1).log()
    return mixed


def _queries_at_a_time(queries: int, keys: int) -> int:
    """Parts of equal size, of which each has about LOGITS logits."""
    parts = -(-queries * keys // LOGITS)
    return max(-(-queries // parts), FEWEST_ROWS)

"""Attention over keys that lie in several places, with the fastest kernel that is at hand."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache

import torch
from torch import Tensor

from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.cpu_attention import by_products, mixed_by_products
from mapper.frontends.layers.linear import HALF

logger = logging.getLogger(__name__)

Part = tuple[Tensor, Tensor]  # keys and values (B, n, heads, d) that lie together
# Query, key, value (B, n, heads, d) to the mixed values (B, n, heads, d) and the logarithm of the
# softmax's denominator (B, n, heads), float32.
Kernel = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def attend_parts(query: Tensor, parts: Iterable[Part]) -> Tensor:
    """softmax(q k^T / sqrt(d)) v over all parts together; returns (B, m, heads * d).

    The parts are mixed one by one and weighed by their softmax denominators: equal to one softmax
    over their concatenation, up to rounding, without making it.
    """
    kernel = choose(query.device, query.dtype)
    if kernel is None:
        keys, values = (torch.cat(each, 1) for each in zip(*parts, strict=True))
        return attend(query, keys, values)
    # One part after the other: a part may have been unpacked for this alone.
    mixed, denominators = zip(*(kernel(query, *part) for part in parts), strict=True)
    if len(mixed) == 1:
        return mixed[0].flatten(2)
    share = torch.stack(denominators).softmax(0)
    total = mixed[0] * share[0][..., None]
    for values, weight in zip(mixed[1:], share[1:], strict=True):
        total = torch.addcmul(total, values.to(total.dtype), weight[..., None])
    return total.to(query.dtype).flatten(2)


@lru_cache(maxsize=8)
def choose(device: torch.device, dtype: torch.dtype) -> Kernel | None:
    """The kernel for tensors of that kind; None where none tells its denominators."""
    name, kernel = _best(device.type, dtype)
    logger.info("attention over the cache on %s in %s: %s", device.type, str(dtype)[6:], name)
    return kernel


def _best(device: str, dtype: torch.dtype) -> tuple[str, Kernel | None]:
    if device == "cpu":
        return "oneDNN or PyTorch's CPU flash kernel", _cpu
    if device == "cuda" and dtype in HALF:
        if _has_flash_attn():
            return "flash-attn with its cache kernel", _flash_attn
        return "PyTorch's flash kernel (flash-attn 2.6 or newer is not installed)", _cuda_flash
    if device == "cuda":
        return "PyTorch's memory-efficient kernel", _cuda_efficient
    return "PyTorch's scaled dot product on a copy of the cache", None


def _has_flash_attn() -> bool:
    """Whether it can be imported, and its cache kernel tells the denominators (from 2.6 on)."""
    try:
        from flash_attn import flash_attn_with_kvcache  # type: ignore[import-not-found]
    except ImportError:  # absent, or built for another PyTorch
        return False
    return "return_softmax_lse" in inspect.signature(flash_attn_with_kvcache).parameters


def _cpu(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    if by_products(query, key, value):
        denominator = query.new_empty(query.shape[:3], dtype=torch.float32)
        return mixed_by_products(query, key, value, denominator), denominator
    mixed, denominator = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return mixed.transpose(1, 2), denominator.transpose(1, 2)


def _flash_attn(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    from flash_attn import flash_attn_with_kvcache

    mixed, denominator = flash_attn_with_kvcache(query, key, value, return_softmax_lse=True)
    return mixed, denominator.transpose(1, 2)


def _cuda_flash(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mixed, denominator, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return mixed.transpose(1, 2), denominator.transpose(1, 2)


def _cuda_efficient(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mixed, denominator, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), None, True
    )
    # The kernel pads the denominators to a multiple of 32 queries.
    return mixed.transpose(1, 2), denominator[..., : query.shape[1]].transpose(1, 2)

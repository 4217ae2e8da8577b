"""Attention over keys that lie in several places, with the fastest kernel that is at hand."""

from __future__ import annotations

import inspect
import itertools
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.linear import FEWEST_ROWS, product, suits

logger = logging.getLogger(__name__)

Part = tuple[Tensor, Tensor]  # keys and values (B, n, heads, d) that lie together
# Query, key, value (B, n, heads, d) to the mixed values (B, n, heads, d) and the logarithm of the
# softmax's denominator (B, n, heads), float32.
Kernel = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
HALF = (torch.bfloat16, torch.float16)
LOGITS: Final = 640_000  # of a head at a time on a CPU: 2.5 MB, which its cache may hold


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


def attend_together(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same for keys and values in one place, with gradients where they are asked for."""
    on_cpu = query.device.type == "cpu" and not torch.is_grad_enabled()
    if on_cpu and _by_products(query, key):
        return _cpu_products(query, key, value, None).flatten(2)
    return attend(query, key, value)


def _cpu(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    if _by_products(query, key):
        denominator = query.new_empty(query.shape[:3])
        return _cpu_products(query, key, value, denominator), denominator
    mixed, denominator = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return mixed.transpose(1, 2), denominator.transpose(1, 2)


def _by_products(query: Tensor, key: Tensor) -> bool:
    """Whether oneDNN's matrix products, which beat the flash kernel, can do it."""
    return query.shape[1] >= FEWEST_ROWS and suits(query[0, :, 0], key[0, :1, 0])


def _cpu_products(query: Tensor, key: Tensor, value: Tensor, denominator: Tensor | None) -> Tensor:
    """The mixed values (B, n, heads, d), a few rows of a head at a time; fills `denominator`."""
    mixed = torch.empty(query.shape)
    scaled = (query * query.shape[-1] ** -0.5).transpose(1, 2).contiguous()
    step = _queries_at_a_time(query.shape[1], key.shape[1])
    for b, head in itertools.product(range(query.shape[0]), range(query.shape[2])):
        # What a head reads lies side by side in the cache; elsewhere a copy is cheap.
        keys, values = key[b, :, head].contiguous(), value[b, :, head].contiguous().t()
        for at in range(0, query.shape[1], step):
            part = slice(at, at + step)
            logits = product(scaled[b, head, part], keys)
            share = logits.softmax(-1)
            mixed[b, part, head] = product(share, values)
            if denominator is not None:
                # The largest share is exp(largest logit) over the denominator.
                denominator[b, part, head] = logits.amax(-1) - share.amax(-1).log()
    return mixed


def _queries_at_a_time(queries: int, keys: int) -> int:
    """Parts of equal size, of which each has about LOGITS logits."""
    parts = -(-queries * keys // LOGITS)
    return max(-(-queries // parts), FEWEST_ROWS)


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

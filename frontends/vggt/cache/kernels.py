"""Attention over keys that lie in several places, with the fastest kernel that is at hand."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache

import torch
from torch import Tensor

from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.cpu_attention import by_products, mixed_by_products
from mapper.frontends.vggt.cache.gpu_kernels import Kernel, first_that_works

logger = logging.getLogger(__name__)

Part = tuple[Tensor, Tensor]  # keys and values (B, n, heads, d) that lie together


def attend_parts(query: Tensor, parts: Iterable[Part]) -> Tensor:
    """softmax(q k^T / sqrt(d)) v over all parts together; returns (B, m, heads * d), of several
    parts in float32.

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
    share = torch.stack(denominators).softmax(0)[..., None]
    total = mixed[0] * share[0]
    for values, weight in zip(mixed[1:], share[1:], strict=True):
        total.addcmul_(values, weight)
    return total.flatten(2)


@lru_cache(maxsize=8)
def choose(device: torch.device, dtype: torch.dtype) -> Kernel | None:
    """The kernel for tensors of that kind; None where none tells its denominators."""
    name, kernel = _best(device, dtype)
    logger.info("attention over the cache on %s in %s: %s", device.type, str(dtype)[6:], name)
    return kernel


def _best(device: torch.device, dtype: torch.dtype) -> tuple[str, Kernel | None]:
    if device.type == "cpu":
        return "oneDNN or PyTorch's CPU flash kernel", _cpu
    if device.type == "cuda" and (found := first_that_works(device, dtype)) is not None:
        return found
    return "PyTorch's scaled dot product on a copy of the cache", None


def _cpu(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    if by_products(query, key, value):
        denominator = query.new_empty(query.shape[:3], dtype=torch.float32)
        return mixed_by_products(query, key, value, denominator), denominator
    mixed, denominator = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return mixed.transpose(1, 2), denominator.transpose(1, 2)

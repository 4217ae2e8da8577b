"""Kernels of attention that tell their softmax denominators, on NVIDIA GPUs.

Which of them is there depends on the GPU's generation, on how PyTorch was built and on what else is
installed, and no version number tells all of that: the fastest is tried on a small problem, and
taken if its answer is right, else the next.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

# Query, key, value (B, n, heads, d) to the mixed values (B, n, heads, d) and the logarithm of the
# softmax's denominator (B, n, heads), float32.
Kernel = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
HALF: Final = (torch.bfloat16, torch.float16)
AMPERE, HOPPER = 8, 9  # the first digit of the compute capability
QUERY_BLOCK: Final = 128  # rows that one processor takes at a time, in flash-attn 2
MOST_SPLITS: Final = 8
FULL_ENOUGH: Final = 0.9  # share of the processors' time that is used
TRIAL_ERROR: Final = 0.03  # of values about 1 in half precision; a wrong kernel is off by more


def first_that_works(device: torch.device, dtype: torch.dtype) -> tuple[str, Kernel] | None:
    """Name and kernel of the fastest that gives the right answer there; None: none does."""
    problem = _small_problem(device, dtype)
    for name, kernel in _candidates(device, dtype):
        try:
            if _is_right(kernel, *problem):
                return name, kernel
            logger.warning("%s is installed and computes nonsense: not used", name)
        except Exception as error:  # a kernel that this GPU or build lacks says so in its own way
            logger.debug("%s does not work here: %s", name, error)
    return None


def _candidates(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Kernel]]:
    """What might work, the fastest first."""
    generation, _ = torch.cuda.get_device_capability(device)
    if dtype in HALF and generation >= HOPPER:
        yield "FlashAttention 3 (flash_attn_interface)", _flash_attn_3
        yield "FlashAttention 4 (flash_attn.cute)", _flash_attn_4
        yield "PyTorch's cuDNN kernel", _cudnn
    if dtype in HALF and generation >= AMPERE:
        yield "flash-attn 2 with its cache kernel", _flash_attn_2
        yield "PyTorch's flash kernel", _flash
    yield "PyTorch's memory-efficient kernel", _efficient


def _small_problem(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value, keys lying as in a page of the cache."""
    queries, keys, heads, width = 40, 72, 2, 64
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(1, queries, heads, width, generator=generator).to(device, dtype)
    page = torch.randn(2, 1, heads, keys, width, generator=generator).to(device, dtype)
    key, value = page.transpose(2, 3)
    return query, key, value


def _is_right(kernel: Kernel, query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether a small problem is solved."""
    mixed, denominator = kernel(query, key, value)
    logits = torch.einsum("bmhd,bnhd->bhmn", query.float(), key.float()) * query.shape[-1] ** -0.5
    expected = torch.einsum("bhmn,bnhd->bmhd", logits.softmax(-1), value.float())
    told = logits.logsumexp(-1).transpose(1, 2)
    if denominator.shape != told.shape or mixed.shape != expected.shape:
        return False
    off = torch.stack([(mixed.float() - expected).abs().max(), (denominator - told).abs().max()])
    return bool((off < TRIAL_ERROR).all())


def _flash_attn_3(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    attention = import_module("flash_attn_interface").flash_attn_with_kvcache
    mixed, denominator, *_ = attention(query, key, value, return_softmax_lse=True)
    return mixed, denominator.transpose(1, 2)


def _flash_attn_4(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    attention = import_module("flash_attn.cute").flash_attn_func
    mixed, denominator, *_ = attention(query, key, value, return_lse=True)
    return mixed, denominator.transpose(1, 2)


def _flash_attn_2(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    attention = import_module("flash_attn").flash_attn_with_kvcache
    count = torch.cuda.get_device_properties(query.device).multi_processor_count
    blocks = query.shape[0] * query.shape[2] * math.ceil(query.shape[1] / QUERY_BLOCK)
    parts = splits(blocks, count)
    mixed, denominator = attention(query, key, value, num_splits=parts, return_softmax_lse=True)
    return mixed, denominator.transpose(1, 2)


def _cudnn(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mixed, denominator, *_ = torch.ops.aten._scaled_dot_product_cudnn_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), None, True
    )
    # With a last axis of one in some releases of PyTorch.
    return mixed.transpose(1, 2), denominator.flatten(2).transpose(1, 2)


def _flash(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mixed, denominator, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return mixed.transpose(1, 2), denominator.transpose(1, 2)


def _efficient(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mixed, denominator, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), None, True
    )
    # The kernel pads the denominators to a multiple of 32 queries.
    return mixed.transpose(1, 2), denominator[..., : query.shape[1]].transpose(1, 2)


def splits(blocks: int, processors: int) -> int:
    """Into how many parts to split the keys, so that no processor idles for long.

    flash-attn 2 decides for itself where there are fewer blocks of queries than processors, and
    not where they are a few more: those few would take as long again as all the others.
    """

    def used(parts: int) -> float:
        rounds = blocks * parts / processors
        return rounds / math.ceil(rounds)

    best = max(map(used, range(1, MOST_SPLITS + 1)))
    return next(n for n in range(1, MOST_SPLITS + 1) if used(n) >= min(best, FULL_ENOUGH))

"""Stand-ins for flash-attn's releases, with their signatures; they compute by PyTorch's kernels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor


def _computed(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Of (B, n, heads, d): the mixed values likewise, and denominators (B, heads, m)."""
    if q.device.type != "cuda" or q.dtype not in (torch.bfloat16, torch.float16):
        raise RuntimeError("FlashAttention only supports fp16 and bf16 on GPUs")
    if any(t.stride(-1) != 1 for t in (q, k, v)):
        raise RuntimeError("the last dimension must be contiguous")
    mixed, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    )
    return mixed.transpose(1, 2), lse


def _with_kvcache_2(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    rotary_cos: Tensor | None = None,
    rotary_sin: Tensor | None = None,
    cache_seqlens: Tensor | int | None = None,
    cache_batch_idx: Tensor | None = None,
    cache_leftpad: Tensor | None = None,
    block_table: Tensor | None = None,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    rotary_interleaved: bool = True,
    alibi_slopes: Tensor | None = None,
    num_splits: int = 0,
    return_softmax_lse: bool = False,
) -> Any:
    mixed, lse = _computed(q, k_cache, v_cache)
    return (mixed, lse) if return_softmax_lse else mixed


def _with_kvcache_2_5(q: Tensor, k_cache: Tensor, v_cache: Tensor, num_splits: int = 0) -> Tensor:
    return _computed(q, k_cache, v_cache)[0]


def _with_kvcache_3(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    qv: Tensor | None = None,
    rotary_cos: Tensor | None = None,
    rotary_sin: Tensor | None = None,
    cache_seqlens: Tensor | int | None = None,
    cache_batch_idx: Tensor | None = None,
    cache_leftpad: Tensor | None = None,
    page_table: Tensor | None = None,
    cu_seqlens_q: Tensor | None = None,
    cu_seqlens_k_new: Tensor | None = None,
    max_seqlen_q: int | None = None,
    rotary_seqlens: Tensor | None = None,
    q_descale: Tensor | None = None,
    k_descale: Tensor | None = None,
    v_descale: Tensor | None = None,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    attention_chunk: int = 0,
    softcap: float = 0.0,
    rotary_interleaved: bool = True,
    scheduler_metadata: Tensor | None = None,
    num_splits: int = 0,
    pack_gqa: bool | None = None,
    sm_margin: int = 0,
    return_softmax_lse: bool = False,
) -> Any:
    mixed, lse = _computed(q, k_cache, v_cache)
    return (mixed, lse, None, None) if return_softmax_lse else mixed


def _func_4(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int | None, int | None] = (None, None),
    learnable_sink: Tensor | None = None,
    softcap: float = 0.0,
    num_splits: int = 1,
    pack_gqa: bool | None = None,
    deterministic: bool = False,
    return_lse: bool = False,
) -> tuple[Tensor, Tensor | None]:
    mixed, lse = _computed(q, k, v)
    return mixed, lse if return_lse else None


FLASH_ATTN_2 = {"flash_attn": SimpleNamespace(flash_attn_with_kvcache=_with_kvcache_2)}
FLASH_ATTN_2_5 = {"flash_attn": SimpleNamespace(flash_attn_with_kvcache=_with_kvcache_2_5)}
FLASH_ATTN_3 = {"flash_attn_interface": SimpleNamespace(flash_attn_with_kvcache=_with_kvcache_3)}
# A namespace without a cache kernel: what flash-attn-4 alone installs.
FLASH_ATTN_4 = {
    "flash_attn": SimpleNamespace(),
    "flash_attn.cute": SimpleNamespace(flash_attn_func=_func_4),
}

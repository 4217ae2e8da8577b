"""The attention of a GPU's kernels, computed on the CPU, and what those refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

HALF: Final = (torch.bfloat16, torch.float16)


def refuse(name: str, tensors: Sequence[Tensor], capability: tuple[int, int]) -> None:
    """RuntimeError for what the kernels refuse, and shapes alone do not tell."""
    query = tensors[0]
    if len({t.dtype for t in tensors}) > 1:
        raise RuntimeError(f"{name}: query, key and value must have the same type")
    if "flash" in name or "cudnn" in name:
        if query.dtype not in HALF or query.shape[-1] > 256:
            raise RuntimeError(f"{name}: only half precision and heads of at most 256")
        if capability < ((9, 0) if "cudnn" in name else (8, 0)):
            raise RuntimeError(f"{name}: only Ampere GPUs or newer (cudnn: Hopper, here)")
    elif query.dtype == torch.bfloat16 and capability < (8, 0):
        raise RuntimeError(f"{name}: no bfloat16 before Ampere")
    if query.shape[-1] % 4 or any(t.stride(-1) != 1 for t in tensors):
        raise RuntimeError(f"{name}: heads must lie densely, their width a multiple of 4")


def computed(name: str, args: Sequence[Any], result: Sequence[Any]) -> tuple[Any, ...]:
    """What the kernel gives; padding of the denominators is NaN, as it may be anything.

    args: on the CPU. result: of the shapes alone.
    """
    query, key, value, *rest = args
    logits = query.float() @ key.float().mT * query.shape[-1] ** -0.5
    masked = "efficient" in name or "cudnn" in name
    if masked and rest[0] is not None:
        logits = logits + rest[0].float()
    mixed = (logits.softmax(-1) @ value.float()).to(query.dtype)
    denominator = torch.full(result[1].shape, torch.nan)
    if denominator.numel():
        lse = logits.logsumexp(-1)
        lse = lse[..., None] if denominator.ndim > lse.ndim else lse
        denominator[:, :, : query.shape[2]] = lse
    return (mixed, denominator, *result[2:])

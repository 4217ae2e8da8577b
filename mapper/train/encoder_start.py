"""CUT3R's encoder from that of STream3R, where both have the same sizes.

One is a transformer like the other, but for what can be worked into matrices: pixels are normalised
otherwise, and what blocks add is scaled a channel. Positions cannot: STream3R's encoder adds a
table, CUT3R's turns queries and keys. What was learned is where to begin, not the same encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from mapper.frontends.vggt.aggregator import PIXEL_MEAN, PIXEL_STD

THEIRS: Final = "aggregator.patch_embed."
COPIED: Final = ("norm1", "norm2", "attn.qkv", "mlp.fc1")
SCALED: Final = (("attn.proj", "ls1"), ("mlp.fc2", "ls2"))


def cut3r_encoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By CUT3R's names; nothing of a checkpoint that has no such encoder."""
    theirs = {
        name.removeprefix(THEIRS): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith(THEIRS)
    }
    if "patch_embed.proj.weight" not in theirs:
        return {}
    found = _patches(theirs["patch_embed.proj.weight"], theirs["patch_embed.proj.bias"])
    depth = 1 + max(int(name.split(".")[1]) for name in theirs if name.startswith("blocks."))
    for end in ("weight", "bias"):
        found[f"enc_norm.{end}"] = theirs[f"norm.{end}"]
        for number in range(depth):
            block = f"blocks.{number}."
            for name in COPIED:
                found[f"enc_{block}{name}.{end}"] = theirs[f"{block}{name}.{end}"]
            for name, scale in SCALED:
                gamma, values = theirs[f"{block}{scale}.gamma"], theirs[f"{block}{name}.{end}"]
                found[f"enc_{block}{name}.{end}"] = _by_rows(gamma, values)
    return found


def _by_rows(factors: Tensor, values: Tensor) -> Tensor:
    """Each row of a matrix, or each bias, times its factor."""
    return factors.view(-1, *(1,) * (values.ndim - 1)) * values


def _patches(weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Of pixels in [-1, 1] instead of normalised ones."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (PIXEL_MEAN, PIXEL_STD))
    shift = (weight * (0.5 - mean) / deviation).sum((1, 2, 3))
    return {
        "patch_embed.proj.weight": weight * 0.5 / deviation,
        "patch_embed.proj.bias": bias + shift,
    }

"""What a loss gives: the number to be minimised, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

LIMIT: Final = 100.0
ALPHA: Final = 0.2  # what the logarithm of a confidence weighs, as published


@dataclass(frozen=True, slots=True)
class Loss:
    """total: scalar, with a gradient. parts: scalars for logs; NaN of what was not measured.

    share: of the batch's loss, where that is made of several.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    share: float = 1.0


def finite(values: Tensor) -> Tensor:
    """Numbers that are none become 0, the others are kept within LIMIT."""
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clamp(-LIMIT, LIMIT)


def mean_or_zero(values: Tensor) -> Tensor:
    """Mean; of nothing, 0 that still has a gradient."""
    return values.mean() if values.numel() else values.sum()


def mean_size(
    values: Float[Tensor, "b v h w c"],
    valid: Bool[Tensor, "b v h w"],
    lowest: float = 1e-3,
    highest: float = 1e3,
) -> Float[Tensor, " b"]:
    """Mean norm of the valid values of each sequence, kept within bounds."""
    weight = valid.to(values.dtype)
    # Before the norm: what is not valid may be NaN, and 0 times the gradient of NaN is NaN.
    sizes = torch.where(valid[..., None], values, 0).norm(dim=-1)
    size = (weight * sizes).flatten(1).sum(1) / (weight.flatten(1).sum(1) + 1e-3)
    return size.clamp(lowest, highest)


def weighted_by_confidence(
    distances: Tensor, confidence: Tensor, alpha: float = ALPHA
) -> Float[Tensor, "*n"]:
    """d c - alpha log c: what a pixel costs that says how sure it is.

    Source: Wang et al., "DUSt3R: Geometric 3D Vision Made Easy", CVPR 2024, equation 4.
    """
    return distances * confidence - alpha * confidence.log()

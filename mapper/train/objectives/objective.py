"""What every network is asked for in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


class Objective(Protocol):
    """A batch to its loss, in one or several parts whose shares make 1."""

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """Each part's gradient is to be taken before the next part is asked for: what it was
        computed from is gone by then. A part without a gradient is for logs alone."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network takes B sequences of V views for, in units of its own: depth along z, and each
    camera in the first one's frame."""

    depth: Float[Tensor, "b v h w"]
    T_first_camera: Float[Tensor, "b v 4 4"]


class Looking(Objective, Protocol):
    """An objective that can be asked what its network sees, too."""

    def seen(self, batch: TrainingBatch) -> Seen:
        """In evaluation."""
        ...


@dataclass(frozen=True, slots=True)
class MixedPrecision:
    """bfloat16: products of the trunk are computed in it, weights and gradients stay float32."""

    bfloat16: bool = False

    def trunk(self, device: torch.device) -> torch.autocast:
        """Around what may be computed so."""
        kind = "cuda" if device.type == "cuda" else "cpu"
        return torch.autocast(kind, torch.bfloat16, enabled=self.bfloat16)

    def heads(self, device: torch.device) -> torch.autocast:
        """Around what stays float32, within the other or not: heads and losses, as published."""
        kind = "cuda" if device.type == "cuda" else "cpu"
        return torch.autocast(kind, enabled=False)


FULL: MixedPrecision = MixedPrecision()

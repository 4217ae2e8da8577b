"""What every network is asked for in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


class Objective(Protocol):
    """A batch to its loss, in one or several parts whose shares make 1."""

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """Each part's gradient is to be taken before the next part is asked for: what it was
        computed from is gone by then. A part without a gradient is for logs alone."""
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

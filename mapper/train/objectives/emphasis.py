"""What a small network is told beside the publication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from mapper.train.losses.terms import Loss

if TYPE_CHECKING:
    from mapper.train.batch import TrainingBatch

# Of the forward pass just done: a cost, and the share of patches that look right.
Taught = Callable[["TrainingBatch"], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Emphasis:
    """cameras: what their part of the loss weighs. dense: maps are trained too. matching: weight of
    what `taught` costs."""

    cameras: float = 1.0
    dense: bool = True
    matching: float = 0.0
    taught: Taught | None = None

    def of(self, loss: Loss, cameras: str, batch: TrainingBatch) -> Loss:
        """The loss with its part of that name weighed, and what is taught added."""
        total, parts = loss.total, dict(loss.parts)
        if self.cameras != 1:
            total = total + (self.cameras - 1) * parts[cameras]
        if self.taught is not None:
            cost, right = self.taught(batch)
            parts |= {"matching": cost, "matching.right": right}
            total = total + self.matching * cost
        return Loss(total, parts, loss.share)


AS_PUBLISHED = Emphasis()

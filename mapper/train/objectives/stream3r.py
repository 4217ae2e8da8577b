"""STream3R in training: the whole sequence at once, each view seeing those before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from mapper.frontends.vggt.network import Heads
from mapper.train.losses.stream3r import Stream3rOutput, camera_parts, stream3r_loss
from mapper.train.losses.terms import Loss
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.train.objectives.vggt_outputs import said_of, seen_of

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt, VggtPrediction
    from mapper.train.batch import TrainingBatch
    from mapper.train.objectives.taught_attention import TaughtAttention


@dataclass(frozen=True, slots=True)
class Emphasis:
    """What a small network is told beside the publication.

    cameras: what their part of the loss weighs. dense: maps are trained too. matching: weight of
    what `taught` costs.
    """

    cameras: float = 1.0
    dense: bool = True
    matching: float = 0.0
    taught: TaughtAttention | None = None


AS_PUBLISHED = Emphasis()


@dataclass(frozen=True, slots=True)
class Stream3rObjective:
    """limit_images: see stream3r_loss."""

    model: Vggt
    limit_images: bool = True
    precision: MixedPrecision = FULL
    emphasis: Emphasis = AS_PUBLISHED

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss."""
        emphasis = self.emphasis
        heads = Heads(depth=emphasis.dense, points=emphasis.dense)
        said = said_of(self.model, batch, "causal", heads, self.precision)
        if emphasis.dense:
            loss = stream3r_loss(_output(said), batch, self.limit_images)
            total, parts = loss.total, dict(loss.parts)
        else:
            parts = camera_parts(said.pose_iterations, batch)
            total = parts["camera"]
        if emphasis.cameras != 1:
            total = total + (emphasis.cameras - 1) * parts["camera"]
        yield Loss(*self._taught(total, parts, batch))

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth of the depth head, and the last cameras."""
        return seen_of(self.model, batch, "causal", self.precision)

    def _taught(
        self, total: Tensor, parts: dict[str, Tensor], batch: TrainingBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if self.emphasis.taught is None:
            return total, parts
        cost, right = self.emphasis.taught(batch)
        parts |= {"matching": cost, "matching.right": right}
        return total + self.emphasis.matching * cost, parts


def _output(said: VggtPrediction) -> Stream3rOutput:
    assert said.depth is not None and said.depth_confidence is not None
    assert said.points is not None and said.points_confidence is not None
    return Stream3rOutput(
        said.points,
        said.points_confidence,
        said.depth[..., None],
        said.depth_confidence,
        said.pose_iterations,
    )

"""STream3R in training: the whole sequence at once, each view seeing those before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapper.frontends.vggt.network import Heads
from mapper.train.losses.stream3r import Stream3rOutput, camera_parts, stream3r_loss
from mapper.train.losses.terms import Loss
from mapper.train.objectives.emphasis import AS_PUBLISHED, Emphasis
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.train.objectives.vggt_outputs import said_of, seen_of

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt, VggtPrediction
    from mapper.train.batch import TrainingBatch


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
        else:
            parts = camera_parts(said.pose_iterations, batch)
            loss = Loss(parts["camera"], parts)
        yield emphasis.of(loss, "camera", batch)

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth of the depth head, and the last cameras."""
        return seen_of(self.model, batch, "causal", self.precision)


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

"""STream3R in training: the whole sequence at once, each view seeing those before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapper.frontends.vggt.network import Heads
from mapper.train.losses.stream3r import Stream3rOutput, stream3r_loss
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.train.objectives.vggt_outputs import said_of, seen_of

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


@dataclass(frozen=True, slots=True)
class Stream3rObjective:
    """limit_images: see stream3r_loss."""

    model: Vggt
    limit_images: bool = True
    precision: MixedPrecision = FULL

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss."""
        said = said_of(self.model, batch, "causal", Heads(), self.precision)
        assert said.depth is not None and said.depth_confidence is not None
        assert said.points is not None and said.points_confidence is not None
        output = Stream3rOutput(
            said.points,
            said.points_confidence,
            said.depth[..., None],
            said.depth_confidence,
            said.pose_iterations,
        )
        yield stream3r_loss(output, batch, self.limit_images)

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth and cameras."""
        return seen_of(self.model, batch, "causal", self.precision)

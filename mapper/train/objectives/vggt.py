"""VGGT in training: all views see one another; cameras and depth, points where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapper.frontends.vggt.network import Heads
from mapper.train.losses.vggt import VggtOutput, vggt_loss
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.train.objectives.vggt_outputs import said_of, seen_of

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


@dataclass(frozen=True, slots=True)
class VggtObjective:
    """points: the point head is trained too, which the publication leaves off."""

    model: Vggt
    points: bool = False
    precision: MixedPrecision = FULL

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss."""
        said = said_of(self.model, batch, "full", Heads(points=self.points), self.precision)
        assert said.depth is not None and said.depth_confidence is not None
        maps = said.depth[..., None], said.depth_confidence
        points = said.points, said.points_confidence
        yield vggt_loss(VggtOutput(said.pose_iterations, *maps, *points), batch)

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth and cameras."""
        return seen_of(self.model, batch, "full", self.precision)

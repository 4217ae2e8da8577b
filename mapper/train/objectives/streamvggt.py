"""StreamVGGT in training: a causal student of a teacher that sees all, or its points by the truth.

Source: Zhuo et al., "Streaming 4D Visual Geometry Transformer", as published with its code;
section 5 of the training specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.frontends.vggt.batch_attention import FrameMask
from mapper.frontends.vggt.network import Heads
from mapper.train.losses.cameras import cut3r_encoding
from mapper.train.losses.cut3r import Cut3rCriterion, cut3r_loss
from mapper.train.losses.cut3r_units import Cut3rOutput
from mapper.train.losses.streamvggt import DistilledOutput, distillation_loss
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen
from mapper.train.objectives.vggt_outputs import camera_poses, said_of, seen_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.frontends.vggt.network import Vggt, VggtPrediction
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss

QUERIES: Final = 64  # pixels of the first view whose tracks are taught


@dataclass(frozen=True, slots=True)
class DistillationObjective:
    """teacher: VGGT, which sees all views of a batch at once; it is not trained."""

    model: Vggt
    teacher: Vggt
    precision: MixedPrecision = FULL

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss. Draws the query points by torch's generator."""
        query = drawn_queries(batch.valid[:, 0])
        with torch.no_grad():
            taught = said_of(self.teacher, batch, "full", Heads(), self.precision, query)
        said = said_of(self.model, batch, "causal", Heads(), self.precision, query)
        own_units = self.model.training
        yield distillation_loss(_distilled(said), _distilled(taught), batch.valid, own_units)

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth and cameras."""
        return seen_of(self.model, batch, "causal", self.precision)


@dataclass(frozen=True, slots=True)
class PointsObjective:
    """Points and cameras by CUT3R's loss: the published fine-tuning of VGGT.

    Published, the loss of poses compares encodings of two conventions and is cut off where it has
    no gradient any more; here the poses are brought to one convention, and trained.
    """

    model: Vggt
    mode: FrameMask
    precision: MixedPrecision = FULL

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss."""
        said = said_of(self.model, batch, self.mode, Heads(depth=False), self.precision)
        assert said.points is not None and said.points_confidence is not None
        cameras = cut3r_encoding(camera_poses(said.pose_encoding))
        output = Cut3rOutput(said.points, said.points_confidence, cameras)
        yield cut3r_loss(output, batch, Cut3rCriterion(by_kind=False))

    def seen(self, batch: TrainingBatch) -> Seen:
        """Depth and cameras."""
        return seen_of(self.model, batch, self.mode, self.precision)


def drawn_queries(valid: Bool[Tensor, "b h w"]) -> Float[Tensor, "b n 2"]:
    """QUERIES pixels (x, y) where the truth is known, drawn with replacement; zeros where fewer
    than so many are."""
    queries = valid.new_zeros(len(valid), QUERIES, 2, dtype=torch.float32)
    for row, mask in enumerate(valid):
        known = mask.nonzero()
        if len(known) >= QUERIES:
            drawn = torch.randint(len(known), (QUERIES,)).to(known.device)
            queries[row] = known[drawn].flip(-1).float()
    return queries


def _distilled(said: VggtPrediction) -> DistilledOutput:
    assert said.depth is not None and said.depth_confidence is not None
    assert said.points is not None and said.points_confidence is not None
    assert said.tracks is not None
    return DistilledOutput(
        camera=said.pose_encoding,
        depth=said.depth[..., None],
        depth_confidence=said.depth_confidence,
        points=said.points,
        points_confidence=said.points_confidence,
        track=said.tracks.xy,
        visibility=said.tracks.visibility,
        track_confidence=said.tracks.confidence,
    )

"""STream3R in training: the whole sequence at once, each view seeing those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper.train.losses.stream3r import Stream3rOutput, stream3r_loss

if TYPE_CHECKING:
    from mapper.frontends.vggt.network import Vggt
    from mapper.train.batch import TrainingBatch
    from mapper.train.losses.terms import Loss


def stream3r_objective(model: Vggt, batch: TrainingBatch, limit_images: bool = True) -> Loss:
    """limit_images: see stream3r_loss."""
    said = model((batch.images + 1) / 2, "causal")
    assert said.depth is not None and said.depth_confidence is not None
    assert said.points is not None and said.points_confidence is not None
    output = Stream3rOutput(
        said.points,
        said.points_confidence,
        said.depth[..., None],
        said.depth_confidence,
        said.pose_iterations,
    )
    return stream3r_loss(output, batch, limit_images)

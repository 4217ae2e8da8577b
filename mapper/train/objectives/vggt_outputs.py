"""What VGGT's network says of a batch: trunk in half precision if wanted, heads in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper.frontends.vggt.batch_attention import BatchMixer, FrameMask

if TYPE_CHECKING:
    from torch import Tensor

    from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction
    from mapper.train.batch import TrainingBatch
    from mapper.train.objectives.objective import MixedPrecision


def said_of(
    model: Vggt,
    batch: TrainingBatch,
    mode: FrameMask,
    heads: Heads,
    precision: MixedPrecision,
    query_points: Tensor | None = None,
) -> VggtPrediction:
    """As Vggt.forward. query_points: (B, N, 2) pixels (x, y) of the first view."""
    images = (batch.images + 1) / 2
    mixer = BatchMixer(mode, images.shape[1])
    with precision.trunk(model.device):
        aggregated = model.aggregator(images, mixer)
    with precision.heads(model.device):
        return model.read(aggregated, mixer.of_cameras, heads, query_points)

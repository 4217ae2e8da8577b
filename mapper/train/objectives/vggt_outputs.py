"""What VGGT's network says of a batch: trunk in half precision if wanted, heads in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper.frontends.vggt.batch_attention import BatchMixer, FrameMask
from mapper.frontends.vggt.network import Heads
from mapper.frontends.vggt.pose_encoding import extrinsics
from mapper.train.objectives.objective import Seen
from mapper.vision.rotations import inverse_rigid, rigid_transform

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from mapper.frontends.vggt.network import Vggt, VggtPrediction
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


def seen_of(model: Vggt, batch: TrainingBatch, mode: FrameMask, precision: MixedPrecision) -> Seen:
    """Depth of the depth head, and the last cameras."""
    said = said_of(model, batch, mode, Heads(points=False), precision)
    assert said.depth is not None
    return Seen(said.depth, camera_poses(said.pose_encoding))


def camera_poses(encoding: Float[Tensor, "b v 9"]) -> Float[Tensor, "b v 4 4"]:
    """T_world_camera of encodings, which are of world to camera."""
    T = extrinsics(encoding)
    return inverse_rigid(rigid_transform(T[..., :3], T[..., 3]))

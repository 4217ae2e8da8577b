"""WinT3R's loss: relative poses of all pairs of views, and points in each camera's own frame.

Source: Li et al., "WinT3R: Window-Based Streaming Reconstruction with Camera Token Pool", by
reading its code; section 6 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.losses.cameras import refinement_weights
from mapper.train.losses.terms import Loss, weighted_by_confidence
from mapper.vision.rotations import quaternion_of_rotation, rotation_of_quaternion

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import TrainingBatch

FEWEST_VALID: Final = 100  # pixels of a sequence, for its unit and its poses
SMALLEST: Final = 1e-6
POSE_WEIGHT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Wint3rOutput:
    """points: in each camera's own frame. confidence: above 1. cameras: of each of K refinements,
    translation and quaternion xyzw of any length, camera to world."""

    points: Float[Tensor, "b v h w 3"]
    confidence: Float[Tensor, "b v h w"]
    cameras: Float[Tensor, "k b v 7"]


@dataclass(frozen=True, slots=True)
class Wint3rUnits:
    """What one unit of truth and of prediction is; 1 of sequences without enough truth.

    known: those with enough, whose poses are compared.
    """

    true: Float[Tensor, " b"]
    predicted: Float[Tensor, " b"]
    known: Bool[Tensor, " b"]


def wint3r_units(output: Wint3rOutput, points: Tensor, valid: Tensor) -> Wint3rUnits:
    """Mean distances, both weighted by the log-confidence of the prediction."""
    weight = output.confidence.detach().log().clamp(min=SMALLEST) * valid
    known = valid.flatten(1).sum(1) > FEWEST_VALID

    def unit(of: Tensor) -> Tensor:
        sizes = torch.where(valid[..., None], of, 0).norm(dim=-1)
        mean = (weight * sizes).flatten(1).sum(1) / (weight.flatten(1).sum(1) + 1e-8)
        return torch.where(known, mean.clamp(min=SMALLEST), torch.ones_like(mean))

    return Wint3rUnits(unit(points), unit(output.points), known)


def wint3r_loss(output: Wint3rOutput, batch: TrainingBatch) -> Loss:
    """Total = 2 poses + points."""
    true, valid = batch.points_in_own, batch.valid
    units = wint3r_units(output, true, valid)
    translation = batch.T_world_camera[..., :3, 3] / units.true[:, None, None]
    rotation = quaternion_of_rotation(batch.T_world_camera[..., :3, :3])
    pairs = relative_poses(torch.cat([translation, rotation], -1)[units.known])
    refinements = [
        torch.cat([camera[..., :3] / units.predicted[:, None, None], camera[..., 3:]], -1)
        for camera in output.cameras
    ]
    weights = refinement_weights(len(refinements))
    poses = output.cameras.sum() * 0
    if len(pairs):
        for weight, camera in zip(weights, refinements, strict=True):
            poses = poses + weight * (relative_poses(camera[units.known]) - pairs).abs().mean()
    scale_true, scale_predicted = (
        unit[:, None, None, None, None] for unit in (units.true, units.predicted)
    )
    off = ((output.points / scale_predicted)[valid] - (true / scale_true)[valid]).norm(dim=-1)
    if not len(off):
        nothing = poses + output.points.sum() * 0
        return Loss(nothing, {"poses": poses, "points": nothing})
    points = weighted_by_confidence(off, output.confidence[valid]).mean()
    parts = {"poses": poses, "points": points, "distance": off.mean()}
    return Loss(POSE_WEIGHT * poses + points, parts)


def relative_poses(cameras: Float[Tensor, "b n 7"]) -> Float[Tensor, "b n n 7"]:
    """Of each camera j in the frame of each camera i: R_i^T (t_j - t_i), conj(q_i) q_j.

    Quaternions of any length: rotations are theirs, but their product keeps the lengths.
    """
    translation, q = cameras[..., :3], cameras[..., 3:]
    R = rotation_of_quaternion(q)
    steps = translation[:, None] - translation[:, :, None]  # i, j
    moved = (R.transpose(-1, -2)[:, :, None] @ steps[..., None])[..., 0]
    conjugate = torch.cat([-q[..., :3], q[..., 3:]], -1)
    pairs = torch.cat([moved, _product(conjugate[:, :, None], q[:, None])], -1)
    same = torch.eye(cameras.shape[1], dtype=torch.bool, device=cameras.device)[..., None]
    return torch.where(same, pairs.new_tensor([0, 0, 0, 0, 0, 0, 1.0]), pairs)


def _product(a: Float[Tensor, "*n 4"], b: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Of quaternions xyzw."""
    vector = a[..., 3:] * b[..., :3] + b[..., 3:] * a[..., :3]
    vector = vector + torch.linalg.cross(*torch.broadcast_tensors(a[..., :3], b[..., :3]))
    scalar = a[..., 3] * b[..., 3] - (a[..., :3] * b[..., :3]).sum(-1)
    return torch.cat([vector, scalar[..., None]], -1)

"""VGGT's own loss: cameras, depth and points in the unit that the network has to find.

Source: Wang et al., "VGGT: Visual Geometry Grounded Transformer", CVPR 2025, as published with its
code; section 4 of the training specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.batch import moved
from mapper.train.losses.cameras import camera_terms, vggt_encoding
from mapper.train.losses.detail import edge_term, normal_term
from mapper.train.losses.outliers import without_largest
from mapper.train.losses.terms import Loss, finite, mean_size, weighted_by_confidence
from mapper.vision.rotations import inverse_rigid, rigid_transform

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import TrainingBatch

FEWEST_VALID: Final = 100  # pixels, of a first frame for its cameras, of a batch for its maps
CAMERA_WEIGHT: Final = 5.0


@dataclass(frozen=True, slots=True)
class VggtOutput:
    """What the network says of B sequences of V views. Confidences are above 1.

    cameras: encodings of each refinement, activated. points: where the point head is trained.
    """

    cameras: Sequence[Float[Tensor, "b v 9"]]
    depth: Float[Tensor, "b v h w 1"]
    depth_confidence: Float[Tensor, "b v h w"]
    points: Float[Tensor, "b v h w 3"] | None = None
    points_confidence: Float[Tensor, "b v h w"] | None = None


@dataclass(frozen=True, slots=True)
class VggtTruth:
    """The world is the first camera; one unit the mean distance of the valid points from it."""

    T_camera_world: Float[Tensor, "b v 4 4"]
    cameras: Float[Tensor, "b v 9"]
    depth: Float[Tensor, "b v h w"]
    points: Float[Tensor, "b v h w 3"]


@torch.no_grad()
def vggt_truth(batch: TrainingBatch) -> VggtTruth:
    """The truth as the network is asked for it; numbers that are none become 0."""
    T_camera_world = inverse_rigid(batch.T_world_camera)
    first = T_camera_world[:, :1]
    T = T_camera_world @ inverse_rigid(first)
    points = moved(first, batch.points)
    unit = mean_size(points, batch.valid, 1e-6, 1e6)[:, None, None]
    T = rigid_transform(T[..., :3, :3], T[..., :3, 3] / unit)
    T = torch.nan_to_num(T, nan=0.0, posinf=0.0, neginf=0.0)
    size = (batch.depth.shape[-2], batch.depth.shape[-1])
    return VggtTruth(
        T,
        vggt_encoding(T, batch.intrinsics, size),
        torch.nan_to_num(batch.depth / unit[..., None], nan=0.0, posinf=0.0, neginf=0.0),
        torch.nan_to_num(points / unit[..., None, None], nan=0.0, posinf=0.0, neginf=0.0),
    )


def vggt_loss(output: VggtOutput, batch: TrainingBatch) -> Loss:
    """Total = 5 cameras + depth, and points where they are predicted."""
    truth = vggt_truth(batch)
    parts = _camera_parts(output.cameras, truth.cameras, batch.valid)
    total = CAMERA_WEIGHT * parts["camera"]
    maps = [("depth", output.depth, truth.depth[..., None], output.depth_confidence)]
    if output.points is not None and output.points_confidence is not None:
        maps.append(("point", output.points, truth.points, output.points_confidence))
    for name, predicted, true, confidence in maps:
        terms = _map_terms(predicted, true, confidence, batch.valid)
        parts |= {f"{name}.{key}": value for key, value in terms.items()}
        total = total + sum(terms.values())
    return Loss(total, parts)


def _camera_parts(
    refinements: Sequence[Tensor], true: Tensor, valid: Bool[Tensor, "b v h w"]
) -> dict[str, Tensor]:
    """Of the sequences whose first view shows enough."""
    used = valid[:, 0].flatten(1).sum(1) > FEWEST_VALID
    if bool(used.any()):
        terms = camera_terms([camera[used] for camera in refinements], true[used])
    else:
        nothing = 0 * torch.stack(list(refinements)).mean()
        terms = nothing, nothing, nothing
    translation, rotation, field = terms
    return {
        "camera.translation": translation,
        "camera.rotation": rotation,
        "camera.field": field,
        "camera": translation + rotation + 0.5 * field,
    }


def _map_terms(
    predicted: Float[Tensor, "b v h w c"],
    true: Float[Tensor, "b v h w c"],
    confidence: Float[Tensor, "b v h w"],
    valid: Bool[Tensor, "b v h w"],
) -> dict[str, Tensor]:
    """Distances by confidence, plain distances, and edges (of points: normals)."""
    if int(valid.sum()) < FEWEST_VALID:
        nothing = 0 * predicted.mean()
        return {"confident": nothing, "distance": nothing, "edges": nothing}
    true = finite(true)
    off = finite((true[valid] - predicted[valid]).norm(dim=-1))
    costs = weighted_by_confidence(off, confidence[valid])
    flat = predicted.flatten(0, 1), true.flatten(0, 1), valid.flatten(0, 1)
    is_depth = predicted.shape[-1] == 1
    return {
        "confident": without_largest(costs).mean(),
        "distance": without_largest(off).mean(),
        "edges": edge_term(*flat, limit_images=False) if is_depth else normal_term(*flat),
    }

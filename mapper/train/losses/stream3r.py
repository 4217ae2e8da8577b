"""STream3R's loss: points, depth and cameras, each in a unit of its own.

Source: Lan et al., "STream3R: Scalable Sequential 3D Reconstruction with Causal Transformer", as
published with its code; section 3 of the training specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.train.losses.cameras import camera_terms, vggt_encoding
from mapper.train.losses.detail import edge_term
from mapper.train.losses.outliers import without_largest
from mapper.train.losses.terms import (
    Loss,
    finite,
    mean_or_zero,
    mean_size,
    weighted_by_confidence,
)
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import TrainingBatch


@dataclass(frozen=True, slots=True)
class Stream3rOutput:
    """What the network says of B sequences of V views. Confidences are above 1.

    points: in the first camera's frame. cameras: encodings of each refinement, activated.
    """

    points: Float[Tensor, "b v h w 3"]
    points_confidence: Float[Tensor, "b v h w"]
    depth: Float[Tensor, "b v h w 1"]
    depth_confidence: Float[Tensor, "b v h w"]
    cameras: Sequence[Float[Tensor, "b v 9"]]


@dataclass(frozen=True, slots=True)
class Stream3rTruth:
    """The truth in its own units, and what one unit of truth and of prediction is, (B,) each."""

    points: Float[Tensor, "b v h w 3"]
    depth: Float[Tensor, "b v h w 1"]
    cameras: Float[Tensor, "b v 9"]
    points_sizes: tuple[Tensor, Tensor]
    depth_sizes: tuple[Tensor, Tensor]


def stream3r_truth(output: Stream3rOutput, batch: TrainingBatch) -> Stream3rTruth:
    """Truth over its own mean size; so will the prediction be, through which a gradient flows."""
    points, depth, valid = batch.points_in_first, batch.depth[..., None], batch.valid
    points_sizes = mean_size(points, valid), mean_size(output.points, valid)
    depth_sizes = mean_size(depth, valid), mean_size(output.depth, valid)
    T_camera_first = inverse_rigid(batch.T_first_camera)
    size = (batch.depth.shape[-2], batch.depth.shape[-1])
    cameras = vggt_encoding(T_camera_first, batch.intrinsics, size)
    return Stream3rTruth(
        points / points_sizes[0][:, None, None, None, None],
        depth / depth_sizes[0][:, None, None, None, None],
        _in_units(cameras, depth_sizes[0]),
        points_sizes,
        depth_sizes,
    )


def stream3r_loss(output: Stream3rOutput, batch: TrainingBatch, limit_images: bool = True) -> Loss:
    """Total = points + depth + cameras.

    limit_images: keep the bound of 100 on what an image's edges may cost, as published; without
    it full resolution is learned from too.
    """
    truth = stream3r_truth(output, batch)
    points = output.points / truth.points_sizes[1][:, None, None, None, None]
    depth = output.depth / truth.depth_sizes[1][:, None, None, None, None]
    parts = {
        f"point.{key}": value
        for key, value in map_terms(
            points, truth.points, output.points_confidence, batch.valid, limit_images
        ).items()
    } | {
        f"depth.{key}": value
        for key, value in map_terms(
            depth, truth.depth, output.depth_confidence, batch.valid, limit_images
        ).items()
    }
    cameras = [_in_units(camera, truth.depth_sizes[1]) for camera in output.cameras]
    parts |= _camera_parts(cameras, truth.cameras)
    shares = ("point.confident", "point.edges", "depth.confident", "depth.edges", "camera")
    return Loss(torch.stack([parts[key] for key in shares]).sum(), parts)


def camera_parts(
    refinements: Sequence[Float[Tensor, "b v 9"]], batch: TrainingBatch
) -> dict[str, Tensor]:
    """Of the cameras alone, where there is no map that tells their unit: the truth's is taken."""
    size = (batch.depth.shape[-2], batch.depth.shape[-1])
    cameras = vggt_encoding(inverse_rigid(batch.T_first_camera), batch.intrinsics, size)
    unit = mean_size(batch.depth[..., None], batch.valid)
    return _camera_parts(refinements, _in_units(cameras, unit))


def _camera_parts(refinements: Sequence[Tensor], true: Tensor) -> dict[str, Tensor]:
    translation, rotation, field = camera_terms(refinements, true)
    parts = {"camera.translation": translation, "camera.rotation": rotation}
    return parts | {"camera.field": field, "camera": translation + rotation + 0.5 * field}


def _in_units(cameras: Float[Tensor, "b v 9"], size: Float[Tensor, " b"]) -> Tensor:
    return torch.cat([cameras[..., :3] / size[:, None, None], cameras[..., 3:]], -1)


def map_terms(
    predicted: Float[Tensor, "b v h w c"],
    true: Float[Tensor, "b v h w c"],
    confidence: Float[Tensor, "b v h w"],
    valid: Bool[Tensor, "b v h w"],
    limit_images: bool,
) -> dict[str, Tensor]:
    """Of the first frames and of all others apart: distances by confidence, and edges."""
    groups = []
    parts: dict[str, Tensor] = {}
    for name, views in (("first", slice(0, 1)), ("others", slice(1, None))):
        mask = valid[:, views]
        off = finite((true[:, views][mask] - predicted[:, views][mask]).norm(dim=-1))
        costs = weighted_by_confidence(off, confidence[:, views][mask])
        groups.append(without_largest(costs))
        parts[f"distance.{name}"] = mean_or_zero(off)
        parts[f"confident.{name}"] = mean_or_zero(groups[-1])
        maps = [values[:, views].flatten(0, 1) for values in (predicted, true)]
        count = 1 if name == "first" else valid.shape[1] - 1
        edge = count * edge_term(maps[0], maps[1], mask.flatten(0, 1), limit_images)
        parts[f"edges.{name}"] = edge
    if all(len(group) for group in groups):
        parts["confident"] = torch.cat(groups).mean()
    else:
        parts["confident"] = parts["confident.first"] + parts["confident.others"]
    parts["edges"] = parts["edges.first"] + parts["edges.others"]
    return parts

"""Truth and prediction of the CUT3R family brought to common units before they are compared.

Source: Wang et al., "Continuous 3D Perception Model with Persistent State", CVPR 2025, as published
with its code; sections 2.1 to 2.3 of the training specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.batch import moved
from mapper.train.losses.cameras import cut3r_encoding
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from mapper.train.batch import SampleKinds, TrainingBatch

SMALLEST_UNIT: Final = 1e-3
SMALLEST_WEIGHT: Final = 1e-3  # of a pixel: a confidence of 1 has the logarithm 0
STEEPEST_RAY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Cut3rOutput:
    """What the network says of B sequences of V views. Confidences are above 1.

    own_points: in the frame of the camera that sees them. points: in the first camera's frame.
    cameras: translation and quaternion wxyz in the first camera's frame. colors: in [-1, 1]. What
    is None is not trained.
    """

    points: Float[Tensor, "b v h w 3"]
    confidence: Float[Tensor, "b v h w"]
    cameras: Float[Tensor, "b v 7"]
    own_points: Float[Tensor, "b v h w 3"] | None = None
    own_confidence: Float[Tensor, "b v h w"] | None = None
    colors: Float[Tensor, "b v h w 3"] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Truth and prediction of one map in common units; confidence as predicted."""

    true: Float[Tensor, "b v h w 3"]
    predicted: Float[Tensor, "b v h w 3"]
    confidence: Float[Tensor, "b v h w"]


@dataclass(frozen=True, slots=True)
class CommonUnits:
    """Maps, and cameras (translation, quaternion wxyz). posed: sequences whose unit is known, so
    that their poses can be compared. units: of truth and prediction before their bound."""

    own: Compared | None
    world: Compared
    true_cameras: Float[Tensor, "b v 7"]
    cameras: Float[Tensor, "b v 7"]
    posed: Bool[Tensor, " b"]
    units: tuple[Float[Tensor, " b"], Float[Tensor, " b"]]


def in_common_units(
    output: Cut3rOutput,
    batch: TrainingBatch,
    T_world_first: Float[Tensor, "b 4 4"] | None = None,
    metres: bool = False,
) -> CommonUnits:
    """Both divided by their mean distance, by predicted confidence; metric ones by the truth's.

    T_world_first: the first camera of the whole sequence, of which the batch is a part. metres:
    units are left as they are, to evaluate.
    """
    T_world_first = batch.T_world_camera[:, 0] if T_world_first is None else T_world_first
    T_first_world = inverse_rigid(T_world_first)[:, None]
    true_world = moved(T_first_world, batch.points)
    true_own = batch.points_in_own if output.own_points is not None else None
    true_cameras = cut3r_encoding(T_first_world @ batch.T_world_camera)
    true_unit = mean_distance([true_own, true_world], output, batch.valid)
    unit = mean_distance([output.own_points, output.points], output, batch.valid)
    unit = torch.where(batch.kinds.metric, true_unit, unit)
    if metres:
        true_unit = unit = torch.ones_like(true_unit)
    shift_units = _camera_units(true_cameras, output.cameras, batch.kinds, (true_unit, unit))
    true_shift, shift = (_bounded(size)[:, None, None] for size in shift_units)
    scales = [_bounded(size)[:, None, None, None, None] for size in (true_unit, unit)]
    own = None
    if true_own is not None and output.own_points is not None:
        maps = (true_own / scales[0], output.own_points / scales[1])
        rays = [_as_rays(values, batch.kinds.camera_only) for values in maps]
        assert output.own_confidence is not None
        own = Compared(rays[0], rays[1], output.own_confidence)
    return CommonUnits(
        own,
        Compared(true_world / scales[0], output.points / scales[1], output.confidence),
        torch.cat([true_cameras[..., :3] / true_shift, true_cameras[..., 3:]], -1),
        torch.cat([output.cameras[..., :3] / shift, output.cameras[..., 3:]], -1),
        (shift_units[0] > SMALLEST_UNIT) & (shift_units[1] > SMALLEST_UNIT),
        (true_unit, unit),
    )


def mean_distance(
    maps: list[Tensor | None], output: Cut3rOutput, valid: Bool[Tensor, "b v h w"]
) -> Float[Tensor, " b"]:
    """Of the points of own and common maps from their origins, weighted by log-confidence."""
    total, weights = valid.new_zeros(2, len(valid), dtype=output.points.dtype).unbind(0)
    confidences = (output.own_confidence, output.confidence)
    for points, confidence in zip(maps, confidences, strict=True):
        if points is None or confidence is None:
            continue
        weight = confidence.detach().log().clamp(min=SMALLEST_WEIGHT) * valid
        sizes = torch.where(valid[..., None], points, 0).norm(dim=-1)
        total = total + (weight * sizes).flatten(1).sum(1)
        weights = weights + weight.flatten(1).sum(1)
    return (total / (weights + 1e-8)).clamp(min=1e-8)


def _bounded(unit: Tensor) -> Tensor:
    return unit.clamp(min=SMALLEST_UNIT)


def _camera_units(
    true_cameras: Tensor, cameras: Tensor, kinds: SampleKinds, units: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """By what translations are divided: where nothing but cameras is known, their mean length."""
    true_length, length = (
        encoding[..., :3].norm(dim=-1).mean(1).clamp(min=1e-8)
        for encoding in (true_cameras, cameras)
    )
    length = torch.where(kinds.metric, true_length, length)
    only = kinds.camera_only
    return torch.where(only, true_length, units[0]), torch.where(only, length, units[1])


def _as_rays(points: Float[Tensor, "b v h w 3"], where: Bool[Tensor, " b"]) -> Tensor:
    """Of the sequences without depth, the directions: their own map tells the intrinsics."""
    rays = (points / points[..., 2:].clamp(min=1e-6)).clamp(-STEEPEST_RAY, STEEPEST_RAY)
    return torch.where(where[:, None, None, None, None], rays, points)

"""Cameras as the networks are asked for them, and how far a prediction is from that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from mapper.train.losses.terms import finite
from mapper.vision.rotations import quaternion_of_rotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

FADING: Final = 0.6  # of each earlier refinement of the camera head


def vggt_encoding(
    T_camera_world: Float[Tensor, "*n 4 4"],
    intrinsics: Float[Tensor, "*n 3 3"],
    size: tuple[int, int],
) -> Float[Tensor, "*n 9"]:
    """Translation, quaternion xyzw, vertical and horizontal field of view. size: (H, W)."""
    focal = torch.stack([intrinsics[..., 1, 1], intrinsics[..., 0, 0]], -1)
    sides = focal.new_tensor(size)
    quaternion = quaternion_of_rotation(T_camera_world[..., :3, :3])
    fields = 2 * torch.atan(sides / 2 / focal)
    return torch.cat([T_camera_world[..., :3, 3], quaternion, fields], -1)


def cut3r_encoding(T_world_camera: Float[Tensor, "*n 4 4"]) -> Float[Tensor, "*n 7"]:
    """Translation and quaternion wxyz, w >= 0."""
    quaternion = quaternion_of_rotation(T_world_camera[..., :3, :3])
    return torch.cat([T_world_camera[..., :3, 3], quaternion.roll(1, -1)], -1)


def refinement_weights(count: int) -> list[float]:
    """What each of the count refinements weighs; the last one 1."""
    return [FADING ** (count - 1 - number) for number in range(count)]


def camera_terms(
    refinements: Sequence[Float[Tensor, "n 9"]], true: Float[Tensor, "n 9"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean absolute errors of translation, quaternion and field of view over all refinements."""
    count = len(refinements)
    parts = [(0, 3), (3, 7), (7, 9)]
    sums = [true.new_zeros(()) for _ in parts]
    for weight, predicted in zip(refinement_weights(count), refinements, strict=True):
        errors = finite((predicted - true).abs())
        for part, (first, last) in enumerate(parts):
            sums[part] = sums[part] + weight * errors[..., first:last].mean() / count
    return sums[0], sums[1], sums[2]

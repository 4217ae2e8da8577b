"""Poses as the network speaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from mapper.vision.rotations import rigid_transform, rotation_of_quaternion

if TYPE_CHECKING:
    from jaxtyping import Float


def pose_matrix(encoding: Float[Tensor, "*n 7"]) -> Float[Tensor, "*n 4 4"]:
    """T_world_camera from translation then quaternion wxyz of any length."""
    quaternion_xyzw = encoding[..., 3:7].roll(-1, -1)
    return rigid_transform(rotation_of_quaternion(quaternion_xyzw), encoding[..., :3])

"""Poses as the network speaks them."""

from __future__ import annotations

from torch import Tensor

from mapper.vision.rotations import rigid_transform, rotation_of_quaternion


def pose_matrix(encoding: Tensor) -> Tensor:
    """T_world_camera (..., 4, 4) from (..., 7), translation then quaternion wxyz of any length."""
    quaternion_xyzw = encoding[..., 3:7].roll(-1, -1)
    return rigid_transform(rotation_of_quaternion(quaternion_xyzw), encoding[..., :3])

"""WinT3R's poses: seven numbers, tx ty tz qx qy qz qw, camera-to-world, never normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.vision.rotations import rigid_transform, rotation_of_quaternion

if TYPE_CHECKING:
    from jaxtyping import Float


def pose_matrix(pose: Float[Tensor, "*n 7"]) -> Float[Tensor, "*n 4 4"]:
    """T_world_camera of poses; the quaternion's length does not matter."""
    return rigid_transform(rotation_of_quaternion(pose[..., 3:7]), pose[..., :3])


def relative(origin: Float[Tensor, "*n 7"], pose: Float[Tensor, "*n 7"]) -> Float[Tensor, "*n 7"]:
    """Poses seen from the camera `origin`.

    The quaternion's length is the product of both, as published. (Section 6 of the description.)
    """
    conjugate = origin[..., 3:7] * origin.new_tensor([-1, -1, -1, 1])
    offset = (pose[..., :3] - origin[..., :3])[..., None]
    translation = (rotation_of_quaternion(conjugate) @ offset)[..., 0]
    return torch.cat([translation, _product(conjugate, pose[..., 3:7])], -1)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of quaternions (..., 4), xyzw."""
    a_xyz, a_w, b_xyz, b_w = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    a_xyz, b_xyz = torch.broadcast_tensors(a_xyz, b_xyz)
    xyz = a_w * b_xyz + b_w * a_xyz + torch.linalg.cross(a_xyz, b_xyz)
    w = a_w * b_w - (a_xyz * b_xyz).sum(-1, keepdim=True)
    return torch.cat([xyz, w], -1)

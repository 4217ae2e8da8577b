"""Poses as the network speaks them, and the published fit of one."""

from __future__ import annotations

import torch
from torch import Tensor

from mapper.vision.rotations import rigid_transform, rotation_of_quaternion


def pose_matrix(encoding: Tensor) -> Tensor:
    """T_world_camera (..., 4, 4) from (..., 7), translation then quaternion wxyz of any length."""
    quaternion_xyzw = encoding[..., 3:7].roll(-1, -1)
    return rigid_transform(rotation_of_quaternion(quaternion_xyzw), encoding[..., :3])


def weighted_rigid_fit(source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """T_target_source (B, 4, 4) of least weighted squares; points (B, N, 3), weights (B, N).

    Turns a world pointmap and a camera pointmap of one frame, with their confidence, into a pose.
    """
    share = (weights / weights.sum(-1, keepdim=True))[..., None]
    mean_source = (share * source).sum(1, keepdim=True)
    mean_target = (share * target).sum(1, keepdim=True)
    covariance = (share * (target - mean_target)).transpose(1, 2) @ (source - mean_source)
    U, _, Vt = torch.linalg.svd(covariance)
    sign = torch.linalg.det(U @ Vt)
    mirror = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
    rotation = U @ torch.diag_embed(mirror) @ Vt
    T = torch.eye(4, dtype=source.dtype, device=source.device).repeat(len(source), 1, 1)
    T[:, :3, :3] = rotation
    T[:, :3, 3] = (mean_target.transpose(1, 2) - rotation @ mean_source.transpose(1, 2))[..., 0]
    return T

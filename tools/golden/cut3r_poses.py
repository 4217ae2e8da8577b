"""What the published code of CUT3R and TTT3R does with poses and our frontends do elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mapper.core.geometry import pose_to_quaternion_xyzw


def pose_encoding(T_world_camera: np.ndarray) -> np.ndarray:
    """(..., 7), translation then unit quaternion wxyz with w >= 0, of poses (..., 4, 4)."""
    quaternion_xyzw = pose_to_quaternion_xyzw(T_world_camera)
    return np.concatenate([T_world_camera[..., :3, 3], np.roll(quaternion_xyzw, 1, -1)], -1)


def transformed(T_world_camera: Tensor, pointmap: Tensor) -> Tensor:
    """Pointmaps (B, H, W, 3) of cameras (B, 4, 4), in the world."""
    rotation, translation = T_world_camera[:, :3, :3], T_world_camera[:, :3, 3]
    return pointmap @ rotation.transpose(1, 2)[:, None] + translation[:, None, None]


def chained(poses: Iterable[Tensor], resets: Sequence[bool]) -> list[Tensor]:
    """Poses (4, 4) predicted chunk by chunk, in the world of the first chunk, as TTT3R does it.

    resets: the frame ends its chunk; it is also the first frame of the next one, whose world is
    therefore its pose. The scale of a chunk is taken as it is.
    """
    T_world_chunk: Tensor | None = None
    result = []
    for T_chunk_camera, ends_chunk in zip(poses, resets, strict=True):
        if T_world_chunk is None:
            T_world_chunk = torch.eye(4, dtype=T_chunk_camera.dtype, device=T_chunk_camera.device)
        result.append(T_world_chunk @ T_chunk_camera)
        if ends_chunk:
            T_world_chunk = result[-1]
    return result


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

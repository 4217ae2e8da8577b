"""What the published code of the VGGT family does with cameras and our frontends do elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from mapper.vision.rotations import quaternion_of_rotation


def intrinsics(encoding: Tensor, height: int, width: int) -> Tensor:
    """(..., 3, 3) with the principal point at (width / 2, height / 2).

    A field of view of zero, which the network can say, gives an infinite focal length.
    """
    camera = encoding.new_zeros(*encoding.shape[:-1], 3, 3)
    camera[..., 0, 0] = width / 2 / (encoding[..., 8] / 2).tan()
    camera[..., 1, 1] = height / 2 / (encoding[..., 7] / 2).tan()
    camera[..., 0, 2], camera[..., 1, 2], camera[..., 2, 2] = width / 2, height / 2, 1
    return camera


def encoded(extrinsics: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """(..., 9) of [R | t] (..., 3, 4) and (..., 3, 3); the principal point is ignored."""
    fov_h = 2 * (height / 2 / intrinsics[..., 1, 1]).atan()
    fov_w = 2 * (width / 2 / intrinsics[..., 0, 0]).atan()
    fields = torch.stack([fov_h, fov_w], -1)
    return torch.cat([extrinsics[..., 3], quaternion_of_rotation(extrinsics[..., :3]), fields], -1)


def camera_points(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """(..., H, W, 3) of depths (..., H, W) along z; pixel centres at whole numbers."""
    height, width = depth.shape[-2:]
    columns = torch.arange(width, dtype=depth.dtype, device=depth.device)
    rows = torch.arange(height, dtype=depth.dtype, device=depth.device)[:, None]
    fx, fy, cx, cy = (
        intrinsics[..., i, j, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))
    )
    return torch.stack([(columns - cx) / fx * depth, (rows - cy) / fy * depth, depth], -1)


def world_to_camera_inverse(extrinsics: Tensor) -> Tensor:
    """Camera-to-world (..., 4, 4) of [R | t] (..., 3, 4)."""
    rotation_back = extrinsics[..., :3].transpose(-1, -2)
    result = torch.zeros_like(extrinsics[..., :1, :]).repeat_interleave(4, -2)
    result[..., :3, :3] = rotation_back
    result[..., :3, 3:] = -rotation_back @ extrinsics[..., 3:]
    result[..., 3, 3] = 1
    return result


def unprojected(depth: Tensor, extrinsics: Tensor, intrinsics: Tensor) -> Tensor:
    """World points (..., H, W, 3), float64, of depths; camera points are rounded to float32."""
    points = camera_points(depth, intrinsics).float().double()
    T_world_camera = world_to_camera_inverse(extrinsics.double())
    turned = points @ T_world_camera[..., None, :3, :3].transpose(-1, -2)
    return turned + T_world_camera[..., None, None, :3, 3]

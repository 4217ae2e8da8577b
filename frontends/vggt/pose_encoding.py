"""Cameras as nine numbers: translation, quaternion xyzw, vertical and horizontal field of view.

The pose is world-to-camera, the world being the first camera (spec section 8).
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_PIVOT = 0.1  # of the quaternion's branches; larger ones are never chosen below it


def extrinsics(encoding: Tensor) -> Tensor:
    """World-to-camera [R | t] (..., 3, 4) of encodings (..., 9); quaternions of any length."""
    return torch.cat([rotation(encoding[..., 3:7]), encoding[..., :3, None]], -1)


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
    return torch.cat([extrinsics[..., 3], quaternion_xyzw(extrinsics[..., :3]), fields], -1)


def rotation(quaternion_xyzw: Tensor) -> Tensor:
    """(..., 3, 3) of quaternions (..., 4) of any length but zero."""
    x, y, z, w = quaternion_xyzw.unbind(-1)
    two = 2 / quaternion_xyzw.square().sum(-1)
    rows = [
        1 - two * (y * y + z * z), two * (x * y - z * w), two * (x * z + y * w),
        two * (x * y + z * w), 1 - two * (x * x + z * z), two * (y * z - x * w),
        two * (x * z - y * w), two * (y * z + x * w), 1 - two * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def quaternion_xyzw(rotation: Tensor) -> Tensor:
    """Quaternions (..., 4) with w >= 0 of rotations (..., 3, 3), by the best-conditioned of four
    formulas: each divides by another component, and the largest is taken."""
    m = rotation
    trace = m.diagonal(dim1=-2, dim2=-1)
    signs = m.new_tensor([[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]])
    four_squares = 1 + trace @ signs.T  # 4 q_i^2 for x, y, z, w
    pivot = four_squares.clamp(min=0).sqrt()
    off = [m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    turn = [m[..., i, j] - m[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    x2, y2, z2, w2 = pivot.square().unbind(-1)
    candidates = torch.stack(
        [
            torch.stack([x2, off[0], off[1], turn[0]], -1),
            torch.stack([off[0], y2, off[2], turn[1]], -1),
            torch.stack([off[1], off[2], z2, turn[2]], -1),
            torch.stack([turn[0], turn[1], turn[2], w2], -1),
        ],
        -2,
    )
    candidates = candidates / (2 * pivot[..., None].clamp(min=SMALLEST_PIVOT))
    best = pivot.argmax(-1)[..., None, None].expand(*pivot.shape[:-1], 1, 4)
    chosen = candidates.gather(-2, best).squeeze(-2)
    return torch.where(chosen[..., 3:] < 0, -chosen, chosen)


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

"""WinT3R's poses: seven numbers, tx ty tz qx qy qz qw, camera-to-world, never normalised."""

from __future__ import annotations

import torch
from torch import Tensor

from mapper.frontends.cut3r.pose_encoding import pose_matrix as matrix_of_wxyz

SMALLEST_TERM = 0.1  # below which a candidate quaternion is not divided


def pose_matrix(pose: Tensor) -> Tensor:
    """T_world_camera (..., 4, 4) of poses (..., 7); the quaternion's length does not matter."""
    return matrix_of_wxyz(torch.cat([pose[..., :3], pose[..., 6:7], pose[..., 3:6]], -1))


def relative(origin: Tensor, pose: Tensor) -> Tensor:
    """Poses (..., 7) seen from the camera `origin` (..., 7).

    The quaternion's length is the product of both, as published. (Section 6 of the description.)
    """
    conjugate = origin[..., 3:7] * origin.new_tensor([-1, -1, -1, 1])
    backwards = torch.cat([torch.zeros_like(origin[..., :3]), conjugate], -1)
    offset = (pose[..., :3] - origin[..., :3])[..., None]
    translation = (pose_matrix(backwards)[..., :3, :3] @ offset)[..., 0]
    return torch.cat([translation, _product(conjugate, pose[..., 3:7])], -1)


def pairwise(poses: Tensor) -> Tensor:
    """(B, N, N, 7): entry (i, j) turns as pose j seen from camera i; the diagonal is exact.

    Its translation leads from j to i, the other way round than in `relative`, as recorded.
    """
    result = relative(poses[:, :, None], poses[:, None])
    result[..., :3].neg_()
    index = torch.arange(poses.shape[1], device=poses.device)
    result[:, index, index] = poses.new_tensor([0, 0, 0, 0, 0, 0, 1])
    return result


def pose_of_matrix(T_world_camera: Tensor) -> Tensor:
    """Poses (..., 7), quaternion xyzw with w >= 0, of (..., 3, 4) or (..., 4, 4).

    Of the four ways to a quaternion, the one with the largest divisor.
    """
    r = T_world_camera[..., :3, :3]
    xx, yy, zz = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    # Four times the products of the components of w, x, y, z, one row a component.
    wx, wy, wz = (r[..., i, j] - r[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    xy, xz, yz = (r[..., i, j] + r[..., j, i] for i, j in ((1, 0), (0, 2), (2, 1)))
    squares = torch.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz])
    w2, x2, y2, z2 = squares
    rows = [[w2, wx, wy, wz], [wx, x2, xy, xz], [wy, xy, y2, yz], [wz, xz, yz, z2]]
    terms = squares.clamp(min=0).sqrt().movedim(0, -1)
    table = torch.stack([torch.stack(row, -1) for row in rows], -2)
    candidates = table / (2 * terms[..., None].clamp(min=SMALLEST_TERM))
    best = terms.argmax(-1)[..., None, None].expand(*terms.shape[:-1], 1, 4)
    quaternion_wxyz = candidates.gather(-2, best)[..., 0, :]
    sign = torch.where(quaternion_wxyz[..., :1] < 0, -1.0, 1.0)
    quaternion_xyzw = (sign * quaternion_wxyz).roll(-1, -1)
    return torch.cat([T_world_camera[..., :3, 3], quaternion_xyzw], -1)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of quaternions (..., 4), xyzw."""
    a_xyz, a_w, b_xyz, b_w = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    a_xyz, b_xyz = torch.broadcast_tensors(a_xyz, b_xyz)
    xyz = a_w * b_xyz + b_w * a_xyz + torch.linalg.cross(a_xyz, b_xyz)
    w = a_w * b_w - (a_xyz * b_xyz).sum(-1, keepdim=True)
    return torch.cat([xyz, w], -1)

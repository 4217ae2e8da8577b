"""Rotations in PyTorch: quaternions xyzw to matrices and back, the one table of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

# Of twice a quaternion's components; the largest, by which it is divided, is never below 1.
SMALLEST_PIVOT: Final = 0.1


def rotation_of_quaternion(quaternion_xyzw: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 3 3"]:
    """Rotations of quaternions of any length but zero."""
    x, y, z, w = quaternion_xyzw.unbind(-1)
    two = 2 / quaternion_xyzw.square().sum(-1)
    rows = [
        1 - two * (y * y + z * z), two * (x * y - z * w), two * (x * z + y * w),
        two * (x * y + z * w), 1 - two * (x * x + z * z), two * (y * z - x * w),
        two * (x * z - y * w), two * (y * z + x * w), 1 - two * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def quaternion_of_rotation(rotation: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n 4"]:
    """Quaternions xyzw, w >= 0, by the best-conditioned of
    four formulas: each divides by another component, and the largest is taken."""
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


def rigid_transform(
    rotation: Float[Tensor, "*n 3 3"], translation: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 4 4"]:
    """T of rotations and translations."""
    T = rotation.new_zeros(*rotation.shape[:-2], 4, 4)
    T[..., :3, :3] = rotation
    T[..., :3, 3] = translation
    T[..., 3, 3] = 1
    return T


def inverse_rigid(T: Float[Tensor, "*n 4 4"]) -> Float[Tensor, "*n 4 4"]:
    """Inverse of rigid transforms."""
    turned = T[..., :3, :3].transpose(-1, -2)
    return rigid_transform(turned, -(turned @ T[..., :3, 3:])[..., 0])

"""How far apart cameras are, and means of their poses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import (
    pose_from_quaternion_xyzw,
    pose_to_quaternion_xyzw,
)

if TYPE_CHECKING:
    from jaxtyping import Float

PARALLEL: Final = 0.9995  # cosine between quaternions beyond which they are mixed linearly


def distances(
    a: Float[np.ndarray, "n 4 4"], b: Float[np.ndarray, "m 4 4"]
) -> Float[np.ndarray, "n m"]:
    """Angle as a share of a half turn, plus the distance of the centres in map units."""
    relative = np.einsum("nji,mjk->nmik", a[:, :3, :3], b[:, :3, :3])
    cosine = (np.trace(relative, axis1=-2, axis2=-1) - 1) / 2
    angle = np.arccos(np.clip(cosine, -1, 1)) / np.pi
    return angle + np.linalg.norm(a[:, None, :3, 3] - b[None, :, :3, 3], axis=-1)


def average(
    T: Float[np.ndarray, "n 4 4"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "4 4"]:
    """The weighted mean of poses."""
    share = weights / weights.sum()
    quaternions = pose_to_quaternion_xyzw(T)
    signs = np.where(quaternions @ quaternions[0] < 0, -1.0, 1.0)
    mean = (share * signs) @ quaternions
    return pose_from_quaternion_xyzw(mean, share @ T[:, :3, 3])


def mixed(
    a: Float[np.ndarray, "n 4 4"], b: Float[np.ndarray, "n 4 4"], share: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n 4 4"]:
    """Poses between a (share 0) and b (share 1), turned along the shortest arc."""
    qa, qb = pose_to_quaternion_xyzw(a), pose_to_quaternion_xyzw(b)
    cosine = (qa * qb).sum(-1)
    qb, cosine = np.where(cosine[:, None] < 0, -qb, qb), np.abs(cosine)
    angle = np.arccos(np.clip(cosine, -1, 1))
    slow = cosine > PARALLEL
    sine = np.where(slow, 1.0, np.sin(angle))
    weight_a = np.where(slow, 1 - share, np.sin((1 - share) * angle) / sine)
    weight_b = np.where(slow, share, np.sin(share * angle) / sine)
    turned = weight_a[:, None] * qa + weight_b[:, None] * qb
    moved = (1 - share)[:, None] * a[:, :3, 3] + share[:, None] * b[:, :3, 3]
    return pose_from_quaternion_xyzw(turned, moved)

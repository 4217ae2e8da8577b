"""Conversions of rotations, poses and pointmaps. Nobody writes a second one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.intrinsics import Intrinsics

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64


def pose(
    rotation: Float[np.ndarray, "3 3"], translation: Float[np.ndarray, " 3"]
) -> Float64[np.ndarray, "4 4"]:
    """float64 (4, 4) from a rotation (3, 3) and a translation (3,)."""
    T = np.eye(4)
    T[:3, :3] = rotation
    T[:3, 3] = translation
    return T


def inverse(T: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4 4"]:
    """Inverse of rigid transforms, (..., 4, 4)."""
    return inverse_with(np.swapaxes(T[..., :3, :3], -1, -2), T)


def inverse_with(
    A: Float[np.ndarray, "*batch 3 3"], T: Float[np.ndarray, "*batch 4 4"]
) -> Float[np.ndarray, "*batch 4 4"]:
    """Inverse of transforms (..., 4, 4) whose upper left blocks have the inverse A (..., 3, 3)."""
    result = np.zeros_like(T)
    result[..., :3, :3] = A
    result[..., :3, 3] = -(A @ T[..., :3, 3, None])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def orthonormalised(T: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4 4"]:
    """The poses (..., 4, 4) whose rotations are the nearest true ones.

    Long products of poses drift off SO(3), and a constant-velocity model multiplies that drift;
    ground truth printed with few digits is off it from the start.
    """
    U, _, Vt = np.linalg.svd(T[..., :3, :3])
    result = T.copy()
    result[..., :3, :3] = U @ Vt
    return result


def is_rigid(
    T: Float[np.ndarray, "*batch rows 4"], tolerance: float = 1e-3
) -> Bool[np.ndarray, "*batch"]:
    """bool (...): which matrices (..., 3 or 4, 4) are rigid transforms.

    tolerance: of R R^T from the identity; files print few digits.
    """
    finite = np.isfinite(T).all(axis=(-2, -1))
    R = np.where(finite[..., None, None], T[..., :3, :3], np.eye(3))
    error = np.abs(R @ np.swapaxes(R, -1, -2) - np.eye(3)).max(axis=(-2, -1))
    ends = np.abs(T[..., 3:, :] - np.array([0, 0, 0, 1.0])).max(axis=(-2, -1), initial=0.0)
    return finite & (error <= tolerance) & (np.linalg.det(R) > 0) & (ends < 1e-8)


def transform(
    T: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Points (..., 3) moved by one rigid or similarity transform (4, 4)."""
    return points @ T[:3, :3].T + T[:3, 3]


def pose_to_quaternion_xyzw(T: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4"]:
    """Unit quaternions (..., 4), xyzw with w >= 0, of poses (..., 4, 4)."""
    return Rotation.from_matrix(T[..., :3, :3]).as_quat(canonical=True)


def pose_from_quaternion_xyzw(
    quaternion_xyzw: Float[np.ndarray, "*batch 4"], translation: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 4 4"]:
    """Poses (..., 4, 4) from quaternions (..., 4), normalised here, and translations (..., 3)."""
    rotation = Rotation.from_quat(quaternion_xyzw).as_matrix()
    T = np.zeros((*rotation.shape[:-2], 4, 4))
    T[..., :3, :3] = rotation
    T[..., :3, 3] = translation
    T[..., 3, 3] = 1.0
    return T


def exp_se3(twist: Float[np.ndarray, " 6"]) -> Float64[np.ndarray, "4 4"]:
    """Pose (4, 4) of a twist (6,), rotation first: [omega (rad), rho].

    By GTSAM, as for Sim(3): as exact as SciPy's RigidTransform and in a hundredth of its time,
    which counts in the steps of dense alignment.
    """
    import gtsam  # takes 0.4 s, and most of those who import this file need no exp

    return np.asarray(gtsam.Pose3.Expmap(twist).matrix())


def rotation_angle(R: Float[np.ndarray, "3 3"]) -> float:
    """Angle of a rotation matrix (3, 3), radians."""
    return float(np.linalg.norm(Rotation.from_matrix(R).as_rotvec()))


def umeyama(
    source: Float[np.ndarray, "*batch n 3"],
    target: Float[np.ndarray, "*batch n 3"],
    with_scale: bool,
    weights: Float[np.ndarray, "*batch n"] | None = None,
) -> tuple[Any, np.ndarray]:
    """Least-squares similarity from matched points (..., N, 3): target ~ s R source + t.

    weights: (..., N), of any sum. Returns (s, T) with the scales (...) and the rigid parts
    (..., 4, 4); s = 1 without scale, and where the points do not extend. Needs N >= 3, not
    collinear.
    Source: Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991.
    """
    if weights is None:
        share, count = np.float64(1), source.shape[-2]
        mean_source, mean_target = source.mean(-2), target.mean(-2)
    else:
        count = 1
        share = (weights / weights.sum(-1, keepdims=True, dtype=np.float64))[..., None]
        source, target = source.astype(np.float64), target.astype(np.float64)
        mean_source, mean_target = (share * source).sum(-2), (share * target).sum(-2)
    source, target = source - mean_source[..., None, :], target - mean_target[..., None, :]
    U, D, Vt = np.linalg.svd(np.swapaxes(share * target, -1, -2) @ source / count)
    signs = np.ones_like(D)
    signs[..., 2] = np.sign(np.linalg.det(U @ Vt))
    R = (U * signs[..., None, :]) @ Vt
    scale = np.ones(D.shape[:-1])
    if with_scale:
        extent = (share * source**2).sum(-1).sum(-1) / count
        stretch = (D * signs).sum(-1)
        np.divide(stretch, extent, out=scale, where=(extent > 0) & (stretch > 0))
    T = np.zeros((*D.shape[:-1], 4, 4))
    T[..., :3, :3] = R
    T[..., :3, 3] = mean_target - (scale[..., None, None] * R @ mean_source[..., None])[..., 0]
    T[..., 3, 3] = 1.0
    return scale[()], T


def backproject(
    depth: Float[np.ndarray, "h w"], intrinsics: Intrinsics
) -> Float32[np.ndarray, "h w 3"]:
    """Pointmap float32 (H, W, 3) in the camera frame from depth (H, W) along z."""
    x_ray = (np.arange(intrinsics.width, dtype=np.float32) - intrinsics.cx) / intrinsics.fx
    y_ray = (np.arange(intrinsics.height, dtype=np.float32) - intrinsics.cy) / intrinsics.fy
    pointmap = np.empty((*depth.shape, 3), np.float32)
    np.multiply(depth, x_ray.astype(np.float32), out=pointmap[..., 0])
    np.multiply(depth, y_ray.astype(np.float32)[:, None], out=pointmap[..., 1])
    pointmap[..., 2] = depth
    return pointmap

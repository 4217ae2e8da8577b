"""Conversions of rotations, poses and pointmaps. Nobody writes a second one."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.intrinsics import Intrinsics


def pose(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """float64 (4, 4) from a rotation (3, 3) and a translation (3,)."""
    T = np.eye(4)
    T[:3, :3] = rotation
    T[:3, 3] = translation
    return T


def inverse(T: np.ndarray) -> np.ndarray:
    """Inverse of rigid transforms, (..., 4, 4)."""
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    result = np.zeros_like(T)
    result[..., :3, :3] = R_t
    result[..., :3, 3] = -(R_t @ T[..., :3, 3, None])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def orthonormalised(T: np.ndarray) -> np.ndarray:
    """The poses (..., 4, 4) whose rotations are the nearest true ones.

    Long products of poses drift off SO(3), and a constant-velocity model multiplies that drift;
    ground truth printed with few digits is off it from the start.
    """
    U, _, Vt = np.linalg.svd(T[..., :3, :3])
    result = T.copy()
    result[..., :3, :3] = U @ Vt
    return result


def transform(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 3) moved by one rigid or similarity transform (4, 4)."""
    return points @ T[:3, :3].T + T[:3, 3]


def pose_to_quaternion_xyzw(T: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4), xyzw with w >= 0, of poses (..., 4, 4)."""
    return Rotation.from_matrix(T[..., :3, :3]).as_quat(canonical=True)


def pose_from_quaternion_xyzw(quaternion_xyzw: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Poses (..., 4, 4) from quaternions (..., 4), normalised here, and translations (..., 3)."""
    rotation = Rotation.from_quat(quaternion_xyzw).as_matrix()
    T = np.zeros((*rotation.shape[:-2], 4, 4))
    T[..., :3, :3] = rotation
    T[..., :3, 3] = translation
    T[..., 3, 3] = 1.0
    return T


def exp_se3(twist: np.ndarray) -> np.ndarray:
    """Pose (4, 4) of a twist (6,), rotation first: [omega (rad), rho].

    Closed form with the left Jacobian; Barfoot, State Estimation for Robotics, eq. 7.34 ff.
    """
    omega, rho = twist[:3], twist[3:]
    angle = float(np.linalg.norm(omega))
    W = skew(omega)
    if angle < 1e-8:
        V = np.eye(3) + 0.5 * W
    else:
        V = (
            np.eye(3)
            + (1 - np.cos(angle)) / angle**2 * W
            + (angle - np.sin(angle)) / angle**3 * W @ W
        )
    return pose(Rotation.from_rotvec(omega).as_matrix(), V @ rho)


def skew(v: np.ndarray) -> np.ndarray:
    """The matrix (3, 3) with skew(v) @ w = v x w."""
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0.0]])


def rotation_angle(R: np.ndarray) -> float:
    """Angle of a rotation matrix (3, 3), radians."""
    return float(np.linalg.norm(Rotation.from_matrix(R).as_rotvec()))


def umeyama(source: np.ndarray, target: np.ndarray, with_scale: bool) -> tuple[float, np.ndarray]:
    """Least-squares similarity from matched points (N, 3): target ~ s R source + t.

    Returns (s, T) with T the rigid part (4, 4); s = 1 without scale. Needs N >= 3, not collinear.
    Source: Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991.
    """
    mean_source, mean_target = source.mean(0), target.mean(0)
    centred_source, centred_target = source - mean_source, target - mean_target
    U, D, Vt = np.linalg.svd(centred_target.T @ centred_source / len(source))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    R = U @ np.diag(signs) @ Vt
    scale = float((D * signs).sum() / (centred_source**2).sum(1).mean()) if with_scale else 1.0
    return scale, pose(R, mean_target - scale * R @ mean_source)


def backproject(depth: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """Pointmap float32 (H, W, 3) in the camera frame from depth (H, W) along z."""
    x_ray = (np.arange(intrinsics.width, dtype=np.float32) - intrinsics.cx) / intrinsics.fx
    y_ray = (np.arange(intrinsics.height, dtype=np.float32) - intrinsics.cy) / intrinsics.fy
    pointmap = np.empty((*depth.shape, 3), np.float32)
    np.multiply(depth, x_ray.astype(np.float32), out=pointmap[..., 0])
    np.multiply(depth, y_ray.astype(np.float32)[:, None], out=pointmap[..., 1])
    pointmap[..., 2] = depth
    return pointmap

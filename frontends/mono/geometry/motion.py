"""Rigid motions in kernels: T_camera_world as float64 (3, 4), moved by twists from the left."""

from __future__ import annotations

import numpy as np

from mapper.runtime.kernels import kernel


@kernel()
def moved_pose(twist, T):
    """exp(twist) T, float64 (3, 4). twist: (6,), rotation first. T: (3, 4)."""
    wx, wy, wz = twist[0], twist[1], twist[2]
    square = wx * wx + wy * wy + wz * wz
    W = np.array([[0.0, -wz, wy], [wz, 0.0, -wx], [-wy, wx, 0.0]])
    if square < 1e-16:
        a, b, c = 1.0, 0.5, 1.0 / 6.0
    else:
        angle = np.sqrt(square)
        a = np.sin(angle) / angle
        b = (1.0 - np.cos(angle)) / square
        c = (1.0 - a) / square
    W2 = W @ W
    R = np.eye(3) + a * W + b * W2
    V = np.eye(3) + b * W + c * W2
    result = np.empty((3, 4))
    result[:, :3] = R @ np.ascontiguousarray(T[:, :3])
    result[:, 3] = R @ np.ascontiguousarray(T[:, 3]) + V @ np.ascontiguousarray(twist[3:6])
    return result


@kernel(inline="always")
def in_camera(T, X):
    """A point (3,) of the world in the camera. T: T_camera_world (3, 4)."""
    x = T[0, 0] * X[0] + T[0, 1] * X[1] + T[0, 2] * X[2] + T[0, 3]
    y = T[1, 0] * X[0] + T[1, 1] * X[1] + T[1, 2] * X[2] + T[1, 3]
    z = T[2, 0] * X[0] + T[2, 1] * X[1] + T[2, 2] * X[2] + T[2, 3]
    return x, y, z

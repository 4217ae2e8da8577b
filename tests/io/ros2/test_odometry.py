"""Odometry is smooth while the map jumps, and says how well it is known."""

from __future__ import annotations

import numpy as np

from mapper.core.geometry import exp_se3, inverse
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.io.ros2.mounting import Mounting
from mapper.io.ros2.odometry import UNKNOWN, Odometry

T_BASE_CAMERA = exp_se3(np.array([0.4, -0.2, 0.3, 0.1, 0.2, 0.5]))
MOUNTED = Mounting("base_link", T_BASE_CAMERA, T_BASE_CAMERA, True)
STEP = exp_se3(np.array([0.02, 0.01, -0.03, 0.05, 0.01, -0.02]))
MS = 10**6


def at(k: int) -> np.ndarray:
    return np.asarray(np.linalg.matrix_power(STEP, k))


def test_a_jump_of_the_map_moves_odom_in_it_and_not_the_base_in_odom() -> None:
    free, jumped = Odometry(MOUNTED), Odometry(MOUNTED)
    jump = exp_se3(np.array([0.0, 0.3, 0.0, 0.5, 0.0, -0.2]))
    for k in range(4):
        expected = free.place(k, 33 * MS * k, at(k))
        if k == 2:
            jumped.correct(jump)
        placed = jumped.place(k, 33 * MS * k, at(k) if k < 2 else jump @ at(k))
        np.testing.assert_allclose(placed.T_odom_base, expected.T_odom_base, atol=1e-12)
        np.testing.assert_allclose(placed.velocity, expected.velocity, atol=1e-9)
    T_map_base = placed.T_map_odom @ placed.T_odom_base
    np.testing.assert_allclose(T_map_base, MOUNTED.T_map_base(jump @ at(3)), atol=1e-12)
    assert not np.allclose(placed.T_map_odom, np.eye(4))


def test_the_velocity_is_that_of_the_base_in_its_own_axes() -> None:
    """A base that drives ahead at 1 m/s, while it turns left by 0.5 rad/s."""
    odometry, dt = Odometry(MOUNTED), 0.001
    T_map_base, velocity = np.eye(4), np.zeros(6)
    for k in range(3):
        T_world_camera = inverse(T_BASE_CAMERA) @ T_map_base @ T_BASE_CAMERA
        velocity = odometry.place(k, k * MS, T_world_camera).velocity
        T_map_base = T_map_base @ exp_se3(np.array([0, 0, 0.5 * dt, 1.0 * dt, 0, 0]))
    np.testing.assert_allclose(velocity, [1, 0, 0, 0, 0, 0.5], atol=1e-3)


def test_after_a_pause_nobody_knows_the_velocity() -> None:
    odometry = Odometry(MOUNTED)
    odometry.place(0, 0, at(0))
    placed = odometry.place(1, 2000 * MS, at(1))
    np.testing.assert_array_equal(placed.velocity, 0)
    np.testing.assert_array_equal(placed.velocity_covariance, UNKNOWN * np.eye(6))


def test_the_covariance_is_that_of_the_base_against_the_reference() -> None:
    """By 8,000 draws of what the uncertainty says, whose own error is about 1.5 percent."""
    random = np.random.default_rng(3)
    root = random.normal(0, 0.01, (6, 6))
    known = PoseUncertainty(0, root @ root.T)
    odometry = Odometry(MOUNTED)
    odometry.place(0, 0, at(5))
    placed = odometry.place(1, 33 * MS, at(5) @ at(9), known)
    draws = random.normal(size=(8_000, 6)) @ root.T
    found = []
    for x in draws:
        T = MOUNTED.T_map_base(at(5) @ exp_se3(x) @ at(9))
        R = T[:3, :3] @ placed.T_odom_base[:3, :3].T
        turn = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
        found.append(np.concatenate([T[:3, 3] - placed.T_odom_base[:3, 3], turn]))
    expected = np.cov(np.array(found).T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(placed.covariance / scale, expected / scale, atol=0.06)


def test_what_is_not_known_is_not_said_to_be_certain() -> None:
    placed = Odometry(MOUNTED).place(7, 0, at(0), PoseUncertainty(3, np.eye(6) * 1e-6))
    np.testing.assert_array_equal(placed.covariance, UNKNOWN * np.eye(6))

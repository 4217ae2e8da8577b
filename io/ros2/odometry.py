"""Where the robot is, split as REP 105 has it: odometry is smooth, the map corrects it in jumps."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.io.ros2.library import NANOSECONDS
from mapper.io.ros2.mounting import Mounting

UNKNOWN: Final = 1e6  # variance of what nobody knows
KEPT: Final = 2000  # poses that an uncertainty may refer to
APART_S: Final = 1.0  # between two poses, beyond which they tell no velocity


@dataclass(frozen=True, slots=True, eq=False)
class PlacedFrame:
    """stamp: nanoseconds. T_map_odom, T_odom_base: (4, 4). velocity: float64 (6,), linear [units/s]
    then angular [rad/s], in the base.

    covariance: (6, 6), of the position and then of turns about the axes of odom, against the
    keyframe that the frame was placed by. velocity_covariance: (6, 6).
    """

    stamp: int
    T_map_odom: np.ndarray
    T_odom_base: np.ndarray
    covariance: np.ndarray
    velocity: np.ndarray
    velocity_covariance: np.ndarray


class Odometry:
    """Takes poses as they come and corrections of the map. odom begins as the map does."""

    def __init__(self, mounting: Mounting) -> None:
        self._mounting = mounting
        self._T_map_odom = np.eye(4)
        self._references: OrderedDict[int, np.ndarray] = OrderedDict()  # T_map_camera by frame
        self._last: PlacedFrame | None = None

    def correct(self, T_world_world: np.ndarray) -> None:
        """What is here moved, as the keyframe did by which frames are placed: (4, 4), from where
        it was to where it is. Where the odometry is stays."""
        T = self._mounting.T_map_world
        self._T_map_odom = T @ T_world_world @ inverse(T) @ self._T_map_odom

    def place(
        self,
        index: int,
        stamp: int,
        T_world_camera: np.ndarray,
        uncertainty: PoseUncertainty | None = None,
    ) -> PlacedFrame:
        """A frame that the map has a place for."""
        T_map_camera = self._mounting.T_map_world @ T_world_camera
        T_odom_base = inverse(self._T_map_odom) @ self._mounting.T_map_base(T_world_camera)
        covariance = self._covariance(uncertainty, T_odom_base)
        velocity, velocity_covariance = self._velocity(stamp, T_odom_base, covariance)
        self._references[index] = T_map_camera
        while len(self._references) > KEPT:
            self._references.popitem(last=False)
        placed = PlacedFrame(
            stamp, self._T_map_odom.copy(), T_odom_base, covariance, velocity, velocity_covariance
        )
        if self._last is None or stamp > self._last.stamp:
            self._last = placed
        return placed

    def _covariance(self, known: PoseUncertainty | None, T_odom_base: np.ndarray) -> np.ndarray:
        reference = None if known is None else self._references.get(known.reference_index)
        if known is None or reference is None:
            return UNKNOWN * np.eye(6)
        T_odom_reference = inverse(self._T_map_odom) @ reference
        R, t = T_odom_reference[:3, :3], T_odom_reference[:3, 3]
        # Turns, then shifts, of the reference as odom sees them, and what they do to the base.
        moved = np.block([[R, np.zeros((3, 3))], [_skew(t) @ R, R]])
        at_base = np.block([[-_skew(T_odom_base[:3, 3]), np.eye(3)], [np.eye(3), np.zeros((3, 3))]])
        jacobian = at_base @ moved
        return np.asarray(jacobian @ known.covariance @ jacobian.T)

    def _velocity(
        self, stamp: int, T_odom_base: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """By the last frame; as if the errors of the two had nothing in common."""
        last = self._last
        seconds = 0.0 if last is None else (stamp - last.stamp) / NANOSECONDS
        if last is None or not 0 < seconds <= APART_S:
            return np.zeros(6), UNKNOWN * np.eye(6)
        step = inverse(last.T_odom_base) @ T_odom_base
        R_base_odom, R_base_last = T_odom_base[:3, :3].T, step[:3, :3].T
        turned = Rotation.from_matrix(step[:3, :3]).as_rotvec()
        velocity = np.concatenate([R_base_last @ step[:3, 3], turned]) / seconds
        turn = np.kron(np.eye(2), R_base_odom)
        summed = np.minimum((covariance + last.covariance) / seconds**2, UNKNOWN)
        return velocity, np.asarray(turn @ summed @ turn.T)


def _skew(v: np.ndarray) -> np.ndarray:
    x, y, z = v
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])

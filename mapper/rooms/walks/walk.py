"""A camera's way as a smooth function of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

STEP: Final = 0.01  # seconds between the knots
MARGIN: Final = 0.5  # seconds that a walk goes on before its start and after its end


@dataclass(frozen=True, slots=True)
class Course:
    """Positions float64 (N, 3), room frame, and yaw, pitch, roll float64 (N,), radians, by time.

    times: float64 (N,), seconds, from -MARGIN, STEP apart. Yaw turns about z up from x, pitch is
    up, roll to the right; yaw does not jump by 2 pi.
    """

    times: np.ndarray
    positions: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray


class Walk:
    """Poses at any time within a course."""

    def __init__(self, course: Course) -> None:
        angles = np.stack([course.yaw, course.pitch, course.roll], 1)
        values = np.concatenate([course.positions, angles], axis=1)
        self._spline = CubicSpline(course.times, values)

    def values(self, times: np.ndarray) -> np.ndarray:
        """float64 (N, 6): position, yaw, pitch and roll at times (N,), seconds."""
        return np.asarray(self._spline(times))

    def poses(self, times: np.ndarray) -> np.ndarray:
        """float64 (N, 4, 4): T_room_camera at times (N,), seconds."""
        values = self.values(times)
        return camera_poses(values[:, :3], *values[:, 3:].T)


def knots(seconds: float) -> np.ndarray:
    """float64 (N,): the times of a course that lasts so long."""
    return np.arange(-MARGIN, seconds + MARGIN + STEP, STEP)


def camera_poses(
    positions: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray
) -> np.ndarray:
    """float64 (N, 4, 4), T_room_camera, from positions (N, 3) and angles (N,), as in Course."""
    zero = np.zeros_like(yaw)
    forward = np.stack(
        [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)], -1
    )
    right = np.stack([np.sin(yaw), -np.cos(yaw), zero], -1)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    T = np.zeros((len(yaw), 4, 4))
    T[:, :3, 0] = c * right + s * down
    T[:, :3, 1] = c * down - s * right
    T[:, :3, 2] = forward
    T[:, :3, 3] = positions
    T[:, 3, 3] = 1.0
    return T


def tremor(
    times: np.ndarray, band: tuple[float, float], size: float, rng: np.random.Generator
) -> np.ndarray:
    """float64 (N,): noise of a band of frequencies (Hz) with the given standard deviation."""
    frequencies = rng.uniform(*band, 7)
    phases = rng.uniform(0, 2 * np.pi, 7)
    waves = np.sin(2 * np.pi * np.outer(times, frequencies) + phases)
    return size * np.sqrt(2 / 7) * waves.sum(1)


def smoothed(values: np.ndarray, seconds: float) -> np.ndarray:
    """Of a course's knots (N,): a running mean with soft ends to its window."""
    half = max(1, round(2 * seconds / STEP))
    offsets = np.arange(-half, half + 1) * STEP
    weights = np.exp(-0.5 * (offsets / seconds) ** 2)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def rotation_about(turn: np.ndarray) -> np.ndarray:
    """float64 (3, 3): the rotation by a vector (3,), radians along its axis."""
    return Rotation.from_rotvec(turn).as_matrix()

"""Ground-truth poses as the datasets write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.geometry import is_rigid, orthonormalised
from mapper.core.trajectory import Trajectory, nearest_times
from mapper.errors import InputError

PRINTED_TOLERANCE = 1e-2  # of R R^T from the identity, in matrices printed with few digits


def read_matrices(path: Path, expected: int | None = None) -> np.ndarray:
    """float64 (N, 4, 4) from text with 12 or 16 numbers a pose, row by row; rigid, or all NaN.

    A pose may stand on one line or on four. One with a number that is not finite is lost: NaN.
    expected: the number of poses there should be.
    """
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row]
        numbers = np.array([word for row in rows for word in row], np.float64)
        matrices = numbers.reshape(-1, 3 if rows and len(rows[0]) == 12 else 4, 4)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected camera poses of 12 or 16 numbers: {error}") from error
    if expected is not None and len(matrices) != expected:
        raise InputError(
            f"{path}: {len(matrices)} poses for {expected} images; is the dataset complete?"
        )
    return rigid_poses(matrices, path)


def rigid_poses(matrices: np.ndarray, path: Path) -> np.ndarray:
    """float64 (N, 4, 4) from matrices (N, 3 or 4, 4): true rotations, and NaN for lost poses."""
    poses = np.full((len(matrices), 4, 4), np.nan)
    known = np.isfinite(matrices).all(axis=(1, 2))
    improper = ~is_rigid(matrices[known, :3], PRINTED_TOLERANCE)
    if improper.any():
        first = np.flatnonzero(known)[int(np.argmax(improper))]
        raise InputError(f"{path}: the rotation of pose {first} is none; is it the right file?")
    poses[known, :3] = matrices[known, :3]
    poses[known, 3] = [0, 0, 0, 1]
    poses[known] = orthonormalised(poses[known])
    return poses


def poses_at(timestamps: np.ndarray, trajectory: Trajectory, tolerance: float) -> np.ndarray:
    """float64 (N, 4, 4): the pose nearest in time to each timestamp (N,), s.

    NaN where none lies within the tolerance, s.
    """
    poses = np.full((len(timestamps), 4, 4), np.nan)
    if len(trajectory) == 0:
        return poses
    nearest = nearest_times(trajectory.timestamps, timestamps)
    known = np.abs(trajectory.timestamps[nearest] - timestamps) <= tolerance
    poses[known] = trajectory.T_world_camera[nearest[known]]
    return poses

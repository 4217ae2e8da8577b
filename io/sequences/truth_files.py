"""True poses: in TUM's format, as motion capture and other systems write them, and as matrices.

The readers of `mapper run`, `mapper eval` and the datasets. Truth is optional for a map: a fault
in it ends the comparison, never the run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import is_rigid, orthonormalised, pose_from_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.sequences.tum_lists import in_seconds
from mapper.io.text_files import content_lines, read_text

LENGTH_TOLERANCE: Final = 0.1  # of a quaternion's length from 1
PRINTED_TOLERANCE: Final = 1e-2  # of R R^T from the identity, in matrices printed with few digits
Truth = tuple[Trajectory | None, tuple[str, ...]]


def read_truth(path: Path) -> tuple[Trajectory, tuple[str, ...]]:
    """The poses of lines `timestamp tx ty tz qx qy qz qw`, and sentences about lines left out.

    A line with NaN, or with a quaternion of zeros, is a moment without a pose. Of several poses of
    one time the first counts; times may stand in any order. InputError for anything else.
    """
    rows = [_row(line, f"{path}:{number}") for number, line in content_lines(path)]
    table = np.array(rows).reshape(-1, 8)
    known = np.isfinite(table).all(axis=1) & table[:, 4:].any(axis=1)
    if not known.any():
        raise InputError(f"{path}: there are no poses in it")
    notes = []
    if gaps := int((~known).sum()):
        notes.append(f"{path.name}: {gaps} of {len(table)} lines hold no pose: passed over")
    table = table[known]
    times, first = np.unique(in_seconds(table[:, 0]), return_index=True)
    if repeated := len(table) - len(first):
        notes.append(f"{path.name}: {repeated} of {len(table)} poses repeat a time: passed over")
    poses = table[first]
    return Trajectory(times, pose_from_quaternion_xyzw(poses[:, 4:], poses[:, 1:4])), tuple(notes)


def read_matrices(path: Path, expected: int | None = None) -> np.ndarray:
    """float64 (N, 4, 4) from text with 12 or 16 numbers a pose, row by row; rigid, or all NaN.

    A pose may stand on one line or on four. One with a number that is not finite is lost: NaN.
    expected: the number of poses there should be.
    """
    try:
        rows = [row for line in read_text(path).splitlines() if (row := line.split())]
        numbers = np.array([word for row in rows for word in row], np.float64)
        matrices = numbers.reshape(-1, 3 if rows and len(rows[0]) == 12 else 4, 4)
    except ValueError as error:
        raise InputError(
            f"{path}: expected camera poses of 12 or 16 numbers ({error}); mend or remove it"
        ) from error
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


def optional_truth(read: Callable[[], Truth]) -> Truth:
    """What a reader of true poses gives; where they are at fault none, and a sentence of it."""
    try:
        return read()
    except InputError as error:
        return None, (f"{error}; the map is made without comparing it to the truth",)


def _row(line: str, place: str) -> list[float]:
    """Eight numbers; InputError where they are none, or the rotation is none."""
    try:
        row = [float(word) for word in line.replace(",", " ").replace(";", " ").split()]
    except ValueError:
        row = []
    length = float(np.linalg.norm(row[4:])) if len(row) == 8 else 0.0
    if (
        len(row) != 8
        or not np.isfinite(row[0])
        or (np.isfinite(length) and length > 0 and abs(length - 1) > LENGTH_TOLERANCE)
    ):
        raise InputError(f"{place}: expected `timestamp tx ty tz qx qy qz qw`")
    return row

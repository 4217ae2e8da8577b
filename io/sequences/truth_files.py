"""True poses in TUM's format, as motion capture and other systems write them.

The one reader of `mapper run` and `mapper eval`. Truth is optional for a map: a fault in it ends
the comparison, never the run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.sequences.tum_lists import content_lines, in_seconds

LENGTH_TOLERANCE: Final = 0.1  # of a quaternion's length from 1
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

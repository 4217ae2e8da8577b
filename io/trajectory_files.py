"""Trajectories in the text formats of TUM, KITTI and EuRoC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw, pose_to_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError, shown
from mapper.io.text_files import content_lines
from mapper.runtime.atomic_files import atomic_write

TUM_HEADER: Final = "# timestamp tx ty tz qx qy qz qw"
EUROC_HEADER: Final = (
    "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []"
)
NANOSECONDS: Final = 10**9


def write_trajectory(path: Path | str, trajectory: Trajectory, format: str = "tum") -> None:
    """Write in a format of WRITERS, with every digit of the numbers."""
    if format not in WRITERS:
        raise ConfigError(
            f"trajectory format {shown(format)} is unknown; choose from {', '.join(WRITERS)}"
        )
    WRITERS[format](path, trajectory)


def write_tum(path: Path | str, trajectory: Trajectory) -> None:
    """A line a pose: timestamp (s) tx ty tz qx qy qz qw, camera-to-world."""
    write_tum_parts(path, [trajectory])


def write_tum_parts(path: Path | str, parts: Iterable[Trajectory]) -> None:
    """As write_tum, of one part after the other; no more than one is held."""
    lines = (line for part in parts for line in _tum_lines(part))
    _write_lines(path, chain([TUM_HEADER], lines))


def _tum_lines(trajectory: Trajectory) -> Iterator[str]:
    times = trajectory.timestamps[:, None]
    rotations = pose_to_quaternion_xyzw(trajectory.T_world_camera)
    rows = np.concatenate([times, trajectory.positions, rotations], axis=1)
    return (" ".join(map(repr, row)) for row in rows.tolist())


def read_tum(path: Path | str) -> Trajectory:
    """The inverse of write_tum."""
    lines, rows = _read_rows(path, None, "TUM", lambda count: count == 8)
    numbers = _numbers(path, lines, rows, 8)
    return _trajectory(path, lines, numbers[:, 0].tolist(), numbers[:, 1:4], numbers[:, 4:8])


def write_kitti(path: Path | str, trajectory: Trajectory) -> None:
    """A line a pose: the upper 3x4 part of T_world_camera, row by row. Times are not kept."""
    rows = trajectory.T_world_camera[:, :3].reshape(-1, 12).tolist()
    _write_lines(path, [" ".join(map(repr, row)) for row in rows])


def write_euroc(path: Path | str, trajectory: Trajectory) -> None:
    """Comma separated: time in whole nanoseconds, position, quaternion wxyz.

    The pose is the camera's, where EuRoC's own files have that of the inertial sensor.
    """
    rotations = np.roll(pose_to_quaternion_xyzw(trajectory.T_world_camera), 1, axis=1)
    rows = np.concatenate([trajectory.positions, rotations], axis=1).tolist()
    lines = [
        ",".join([str(_nanoseconds(time)), *map(repr, row)])
        for time, row in zip(trajectory.timestamps.tolist(), rows, strict=True)
    ]
    _write_lines(path, [EUROC_HEADER, *lines])


def read_euroc(path: Path | str) -> Trajectory:
    """The inverse of write_euroc; columns after the eighth (velocities, biases) are ignored."""
    lines, rows = _read_rows(path, ",", "EuRoC", lambda count: count >= 8)
    numbers = _numbers(path, lines, rows, 8)
    times = [_seconds(path, line, row[0]) for line, row in zip(lines, rows, strict=True)]
    return _trajectory(path, lines, times, numbers[:, 1:4], np.roll(numbers[:, 4:8], -1, axis=1))


WRITERS: Final[dict[str, Callable[[Path | str, Trajectory], None]]] = {
    "tum": write_tum,
    "kitti": write_kitti,
    "euroc": write_euroc,
}


def _nanoseconds(seconds: float) -> int:
    """Whole nanoseconds by decimal arithmetic: a product of floats is off by 100 ns and more."""
    return int((Decimal(repr(seconds)) * NANOSECONDS).to_integral_value())


def _seconds(path: Path | str, line: int, text: str) -> float:
    try:
        return int(text) / NANOSECONDS
    except ValueError:
        raise InputError(
            f"{path}, line {line}: timestamp {shown(text.strip())} is not in whole nanoseconds"
        ) from None


def _write_lines(path: Path | str, lines: Iterable[str]) -> None:
    with atomic_write(path, "w") as file:
        file.writelines(f"{line}\n" for line in lines)


def _read_rows(
    path: Path | str, separator: str | None, name: str, is_right: Callable[[int], bool]
) -> tuple[list[int], list[list[str]]]:
    """Line numbers, from 1, and the split text of the lines that are no comments."""
    lines, rows = [], []
    for number, line in _content(path):
        row = line.split(separator)
        if not is_right(len(row)):
            raise InputError(
                f"{path}, line {number}: {len(row)} numbers, which is no {name} pose: {line[:60]!r}"
            )
        lines.append(number)
        rows.append(row)
    return lines, rows


def _content(path: Path | str) -> Iterator[tuple[int, str]]:
    try:
        yield from content_lines(Path(path))
    except InputError as error:
        raise InputError(f"cannot read the trajectory {error}") from error


def _numbers(path: Path | str, lines: list[int], rows: list[list[str]], count: int) -> np.ndarray:
    """float64 (N, count) from the first columns; every number must be finite."""
    try:
        numbers = np.array([row[:count] for row in rows], dtype=float).reshape(-1, count)
    except ValueError:
        line, text = next(
            (line, text)
            for line, row in zip(lines, rows, strict=True)
            for text in row[:count]
            if not _is_number(text)
        )
        raise InputError(f"{path}, line {line}: {shown(text.strip())} is not a number") from None
    _refuse(path, lines, ~np.isfinite(numbers).all(axis=1), "a number is not finite")
    return numbers


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _trajectory(
    path: Path | str,
    lines: list[int],
    times: list[float],
    positions: np.ndarray,
    quaternions_xyzw: np.ndarray,
) -> Trajectory:
    norms = np.linalg.norm(quaternions_xyzw, axis=1)
    _refuse(path, lines, np.abs(norms - 1) > 0.1, "the quaternion's length is not 1")
    timestamps = np.array(times, dtype=float)
    stalls = np.diff(timestamps, prepend=-np.inf) <= 0
    _refuse(path, lines, stalls, "the timestamp is not later than the one before")
    if not lines:
        return Trajectory(timestamps, np.zeros((0, 4, 4)))
    return Trajectory(timestamps, pose_from_quaternion_xyzw(quaternions_xyzw, positions))


def _refuse(path: Path | str, lines: list[int], wrong: np.ndarray, reason: str) -> None:
    """InputError for the first line where wrong (N,) is true."""
    if wrong.any():
        raise InputError(f"{path}, line {lines[int(np.argmax(wrong))]}: {reason}")

"""Logs of accelerometers, in text with commas, semicolons or blanks.

    time, ax, ay, az                            without a line of names: four numbers a line
    imu0/data.csv, or the folder imu0           EuRoC: angular velocities come first, names tell
    imu.csv                                     Stray Scanner's
    any other with a line of names              time or timestamp, and ax ay az, a_x ..., x y z

A reading at rest is +9.81 m/s2 upward; where the file is of a phone by Apple, which says the
opposite, in g. Times are seconds, or whole milli-, micro- or nanoseconds, told by their steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.text_files import read_text

GRAVITY: Final = 9.81  # m/s2
UNIT_SHARE: Final = 0.25  # by which the usual length of a reading may be off gravity's
PERIOD_S: Final = 0.1  # readings are averaged over: less than a camera turns noticeably in
FAR: Final = 1.5  # m/s2 off gravity's: the camera was being pushed
LEAST_SHARE: Final = 0.1  # of the moments have to be left then
STRAY: Final = ("timestamp", "a_x", "a_y", "a_z", "alpha_x", "alpha_y", "alpha_z")
UNITS: Final = ((1.0, 1.0), (400.0, 1e-3), (4e5, 1e-6), (np.inf, 1e-9))  # steps below, and seconds
_TIME: Final = re.compile(r"time|sec|t$")
_AXIS: Final = r"(a|acc|accel|accelerometer|acceleration|linear_acceleration)?[._ ]?(rs_s)?[._ ]?"


@dataclass(frozen=True, slots=True, eq=False)
class Accelerations:
    """Means over tenths of a second, pushes left out. times: (N,), seconds. up: (N, 3), unit
    vectors to where they point, in the sensor's axes. is_stray: by Stray Scanner."""

    times: np.ndarray
    up: np.ndarray
    is_stray: bool


def read_accelerations(path: Path) -> Accelerations:
    """All of a log. Raises InputError that names it."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check --gravity")
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    rows = [line for line in lines if not re.search(r"[a-df-zA-DF-Z#]", line)]
    names = _names(lines[0]) if lines and lines[0] not in rows else None
    table = _numbers(path, rows, _columns(path, names, rows))
    table = table[np.isfinite(table).all(axis=1)]
    table = table[np.argsort(table[:, 0], kind="stable")]
    if len(table) < 2:
        raise InputError(f"{path}: there are no readings in it")
    step = float(np.median(np.diff(np.unique(table[:, 0]))))
    seconds = next(unit for below, unit in UNITS if step < below)
    return _averaged(path, table[:, 0] * seconds, table[:, 1:], names == list(STRAY))


def _names(line: str) -> list[str]:
    """Of the columns, in small letters and without units in brackets."""
    bare = re.sub(r"[\[(][^\])]*[\])]", "", line.lower()).lstrip("# ")
    return [name.strip().strip('"') for name in re.split(r"[,;]|\s+", bare) if name.strip()]


def _columns(path: Path, names: list[str] | None, rows: list[str]) -> list[int]:
    """Of the time and of the three axes."""
    if names is None:
        if rows and len(_words(rows[0])) == 4:
            return [0, 1, 2, 3]
        raise InputError(
            f"{path}: which of its columns are the acceleration? A first line of names tells, like "
            "time,ax,ay,az"
        )
    patterns = [_TIME, *(re.compile(f"{_AXIS}{axis}$") for axis in "xyz")]
    found = [[n for n, name in enumerate(names) if p.match(name)] for p in patterns]
    if not all(found):
        raise InputError(
            f"{path}: its columns are {', '.join(names[:12])}; expected time, ax, ay and az"
        )
    return [each[0] for each in found]


def _words(line: str) -> list[str]:
    return [word for word in re.split(r"[,;]|\s+", line.strip()) if word]


def _numbers(path: Path, rows: list[str], columns: list[int]) -> np.ndarray:
    try:
        return np.array([[float(_words(row)[n]) for n in columns] for row in rows]).reshape(-1, 4)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: a line without its numbers ({error})") from error


def _averaged(path: Path, times: np.ndarray, read: np.ndarray, is_stray: bool) -> Accelerations:
    """read: (N, 3). Vibrations cancel in a mean, so that its length is judged, not each one's."""
    moment = np.floor((times - times[0]) / PERIOD_S).astype(np.int64)
    _, which, count = np.unique(moment, return_inverse=True, return_counts=True)
    sums = np.zeros((len(count), 4))
    np.add.at(sums, which, np.column_stack([times - times[0], read]))
    means = sums / count[:, None]
    lengths = np.linalg.norm(means[:, 1:], axis=1)
    usual = float(np.median(lengths))
    unit = next((u for u in (GRAVITY, 1.0) if abs(usual / u - 1) < UNIT_SHARE), None)
    if unit is None:
        raise InputError(
            f"{path}: its readings are {usual:.3g} long in the middle, neither 9.81 m/s2 nor 1 g: "
            "is gravity taken out of them, or are they of a gyroscope?"
        )
    off = np.abs(lengths * (GRAVITY / unit) - GRAVITY)
    still = off < FAR
    if still.mean() < LEAST_SHARE:
        raise InputError(
            f"{path}: the sensor was pushed all the time: {still.mean():.0%} of its moments are "
            f"within {FAR:g} m/s2 of gravity"
        )
    up = means[still, 1:] / lengths[still, None]
    return Accelerations(means[still, 0] + times[0], up, is_stray)

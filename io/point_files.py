"""Points of an image that a user names, and where they were found in the frames of a sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.npz import UNREADABLE
from mapper.errors import InputError

EXPECTED = "expected a line x y for each point, in pixels of the first image, or .npz with points"


def read_points(path: Path) -> np.ndarray:
    """float64 (N, 2), x to the right and y down, from text or from `points` in an .npz file.

    Text: two numbers a line, by spaces or a comma; what follows # is a comment.
    """
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as file:
                points = np.asarray(file["points"], float)
        else:
            lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
            rows = [line.partition("#")[0].split() for line in lines]
            points = np.array([[float(word) for word in row] for row in rows if row], float)
    except UNREADABLE as error:
        raise InputError(f"{path}: cannot be read as points ({error}); {EXPECTED}") from error
    if points.size == 0:
        raise InputError(f"{path}: there is no point in it; {EXPECTED}")
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise InputError(f"{path}: these are no points; {EXPECTED}")
    return points


def check_inside(points: np.ndarray, width: int, height: int, path: Path) -> None:
    """InputError unless all points (N, 2) lie in an image of this size."""
    outside = ((points < -0.5) | (points > np.array([width, height]) - 0.5)).any(1)
    if outside.any():
        number = int(np.flatnonzero(outside)[0])
        x, y = points[number]
        raise InputError(
            f"{path}: point {number + 1} ({x:g}, {y:g}) lies outside the first image, which is "
            f"{width}x{height}"
        )

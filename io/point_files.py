"""Points of an image that a user names, and where they were found in the frames of a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.npz import Array, Layout
from mapper.errors import InputError
from mapper.io.text_files import content_lines

EXPECTED = "expected a line x y for each point, in pixels of the first image, or .npz with points"
LAYOUT: Final = Layout(
    "the points", EXPECTED, {"points": Array("number", ("n", 2), finite=True)}, others="left"
)


def read_points(path: Path) -> np.ndarray:
    """float64 (N, 2), x to the right and y down, from text or from `points` in an .npz file.

    Text: two numbers a line, by spaces or a comma; what follows # is a comment.
    """
    if path.suffix.lower() == ".npz":
        points = np.asarray(LAYOUT.read(path)["points"], float)
    else:
        points = _of_text(path)
    if points.size == 0:
        raise InputError(f"{path}: there is no point in it; {EXPECTED}")
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise InputError(f"{path}: these are no points; {EXPECTED}")
    return points


def _of_text(path: Path) -> np.ndarray:
    try:
        rows = [line.partition("#")[0].replace(",", " ").split() for _, line in content_lines(path)]
        return np.array([[float(word) for word in row] for row in rows], float)
    except InputError as error:
        raise InputError(f"{error}; {EXPECTED}") from error
    except ValueError as error:
        reason = str(error)[:80]
        raise InputError(f"{path}: cannot be read as points ({reason}); {EXPECTED}") from error


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

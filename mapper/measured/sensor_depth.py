"""Depths that a sensor measured, against those of keyframes: how many metres their units are.

A depth image a frame, or a few readings: of a range finder, of a LiDAR projected into the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.backend.graph.priors import ScalePrior
from mapper.errors import InputError
from mapper.io.text_files import content_lines

LEAST: Final = 5  # readings that a keyframe needs
BIASED: Final = 0.02  # share by which all depths of a keyframe are off together
LARGEST_SPREAD: Final = 0.3  # of the ratios' logarithm: with more the two do not show the same
CLOSE: Final = 3.0  # times the spread, within which a reading counts


def of_keyframe(
    name: str,
    keyframe: int,
    sensed: np.ndarray,
    predicted: np.ndarray,
    biased: float = BIASED,
) -> ScalePrior | None:
    """From the same places' depths (n,): by the sensor in metres and by the keyframe in its units;
    0 or NaN = none. None where they are too few, or do not go together."""
    known = np.isfinite(sensed) & (sensed > 0) & np.isfinite(predicted) & (predicted > 0)
    if known.sum() < LEAST:
        return None
    ratios = np.log(sensed[known].astype(float) / predicted[known])
    middle = float(np.median(ratios))
    spread = 1.4826 * float(np.median(np.abs(ratios - middle)))
    if spread > LARGEST_SPREAD:
        return None
    near = ratios[np.abs(ratios - middle) <= CLOSE * max(spread, 1e-3)]
    sigma = float(np.hypot(biased, 1.25 * spread / np.sqrt(min(len(near), 100))))
    return ScalePrior(name, keyframe, float(np.median(near)), sigma, False)


@dataclass(frozen=True, slots=True, eq=False)
class SparseReadings:
    """times: (N,), seconds, in order. pixels: (N, 2), u and v in the images as they are stored.
    metres: (N,), along the camera's axis."""

    name: str
    times: np.ndarray
    pixels: np.ndarray
    metres: np.ndarray

    def at(self, time: float, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2) and metres (n,) of the readings of that moment."""
        first, last = np.searchsorted(self.times, [time - tolerance, time + tolerance])
        return self.pixels[first:last], self.metres[first:last]

    def check_overlap(self, times: np.ndarray) -> None:
        """Raise InputError where none is of the time of the keyframes, times (K,)."""
        begins, ends = float(self.times[0]), float(self.times[-1])
        if begins > times[-1] or ends < times[0]:
            gap = begins - times[-1] if begins > times[-1] else times[0] - ends
            raise InputError(
                f"{self.name}: its clock and that of the frames do not overlap: {gap:.3f} s apart"
            )


def read_sparse(path: Path) -> SparseReadings:
    """Of lines `timestamp u v metres`. Raises InputError that names the line."""
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{path}: there are no readings in it")
    table = np.array(sorted(rows), float)
    return SparseReadings(str(path), table[:, 0], table[:, 1:3], table[:, 3])


def _rows(path: Path) -> Iterator[tuple[float, ...]]:
    for number, line in content_lines(path):
        try:
            row = tuple(float(word) for word in line.replace(",", " ").split())
        except ValueError:
            row = ()
        if len(row) != 4 or not np.isfinite(row).all():
            raise InputError(f"{path}:{number}: expected `timestamp u v metres`")
        yield row

"""Whether depth, read with its scale, lies where cameras see: a wrong unit shows in its range."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.sequences.sequence import Sequence

LOOKED_AT: Final = 5  # frames, spread over the sequence
NEAREST, FARTHEST = 0.03, 200.0  # metres, of the middle of all readings
ENOUGH: Final = 100  # readings, of those frames together


def check_depth_range(sequence: Sequence) -> None:
    """InputError where the middle of the depth readings is one that no depth camera sees."""
    if not sequence.has_depth:
        return
    readings = np.concatenate(
        [_readings(sequence, int(i)) for i in np.linspace(0, len(sequence) - 1, LOOKED_AT)]
    )
    if len(readings) < ENOUGH:
        return  # that there is no depth is said when nothing could be placed
    middle = float(np.median(readings))
    if NEAREST <= middle <= FARTHEST:
        return
    raise InputError(
        f"{sequence.path}: half of the depth lies {'below' if middle < NEAREST else 'beyond'} "
        f"{middle:.4g} m, so the depth scale must be wrong; set depth_scale in the calibration "
        "file to the units of a metre (1000 for mm, 1 for m; floating-point depth is in metres)"
    )


def _readings(sequence: Sequence, index: int) -> np.ndarray:
    """float32 (N,), metres: some of a frame; none of an unreadable one."""
    try:
        depth = sequence[index].depth
    except InputError:
        return np.empty(0, np.float32)
    if depth is None:
        return np.empty(0, np.float32)
    some = depth[::3, ::3]
    return np.asarray(some[some > 0])

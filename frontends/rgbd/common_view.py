"""Two places of one view are compared by what it would show of the reference from both.

From the place that is nearer more is seen again, and so it explains more, whether or not it is the
right one: where posts stand in a row, by what was added to the view nobody could tell them apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.runtime.kernels import kernel
from mapper.vision.alignment_evidence import NOT_COMPARED, Comparison, compared_with
from mapper.vision.reprojection import carried, f32, motion_of


def advantage(compared: Comparison, T_reference_source: np.ndarray, other: np.ndarray) -> float:
    """By how much the first of two poses (4, 4) explains more, log-likelihood: of those points of
    the source for which the reference has a reading wherever it is."""
    in_both = _seen(compared, T_reference_source) & _seen(compared, other)
    depth = np.where(in_both, compared.source.depth, np.float32(0))
    both = replace(compared, source=compared.source._replace(depth=depth))
    return both.score(T_reference_source) - both.score(other)


def _seen(compared: Comparison, T: np.ndarray) -> np.ndarray:
    motion = motion_of(T)
    return np.asarray(_compared(compared.reference, compared.source, motion, compared.noise))


@kernel(fastmath=True)
def _compared(reference, source, motion, noise):
    """bool (h, w): for which of the source's points the reference has a reading."""
    seen = np.zeros(source.depth.shape, np.bool_)
    for row in range(source.depth.shape[0]):
        for column in range(source.depth.shape[1]):
            z = source.depth[row, column]
            if z > 0:
                X = carried(source.camera, motion, f32(column), f32(row), z)
                seen[row, column] = compared_with(reference, X, noise)[0] != NOT_COMPARED
    return seen

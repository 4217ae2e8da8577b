"""Two places of one view are compared by what it would show of the reference from both.

From the place that is nearer more is seen again, and so it explains more, whether or not it is the
right one: where posts stand in a row, by what was added to the view nobody could tell them apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.geometry import transform
from mapper.vision.alignment_evidence import NOT_COMPARED, Comparison
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.moving_parts import stands_to
from mapper.vision.reprojection import NEAREST, motion_of


def advantage(compared: Comparison, T_reference_source: np.ndarray, other: np.ndarray) -> float:
    """By how much the first of two poses (4, 4) explains more, log-likelihood: of those points of
    the source for which the reference has a reading wherever it is."""
    in_both = _seen(compared, T_reference_source) & _seen(compared, other)
    depth = np.where(in_both, compared.source.depth, np.float32(0))
    both = replace(compared, source=compared.source._replace(depth=depth))
    return both.score(T_reference_source) - both.score(other)


def _seen(compared: Comparison, T: np.ndarray) -> np.ndarray:
    """bool (h, w): for which of the source's points the reference has a reading."""
    stands = stands_to(compared.reference, compared.source, motion_of(T), compared.noise)
    return np.asarray(stands != NOT_COMPARED)


def share_inside(
    reference: DepthPyramid, source: DepthPyramid, T_reference_source: np.ndarray
) -> float:
    """Of the source's points, of those that land in the reference's image, whatever it shows there;
    0 of none."""
    level, onto = source.levels[-1], reference.levels[-1]
    rows, columns = np.nonzero(level.depth > 0)
    if not len(rows):
        return 0.0
    fx, fy, cx, cy = level.camera
    z = level.depth[rows, columns]
    points = np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], axis=1)
    X, Y, Z = transform(T_reference_source, points).T
    is_before = Z > NEAREST
    fx, fy, cx, cy = onto.camera
    u, v = fx * X / np.where(is_before, Z, 1) + cx, fy * Y / np.where(is_before, Z, 1) + cy
    height, width = onto.depth.shape
    return float((is_before & (u >= 0) & (v >= 0) & (u < width) & (v < height)).mean())

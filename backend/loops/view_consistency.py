"""Do two depth views agree about what they both see?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mapper.core.sim3 import inverse_similarity
from mapper.runtime.kernels import kernel
from mapper.vision.depth_pyramid import Level
from mapper.vision.reprojection import (
    AGREEING,
    DOUBLED,
    NEAREST,
    Camera,
    camera_of,
    carried,
    f32,
    is_inside,
    motion_of,
    nearest_pixel,
    within,
)


@dataclass(frozen=True, slots=True)
class Consistency:
    """Of view a's points carried into view b's camera. Shares, 0..1.

    overlap: points that agree / all points. agreement: agreeing / (agreeing + conflicting), where
    a conflict is a point that b looks straight through, or that pokes out of a surface of b.
    mean_residual: metres along z over the agreeing points.
    """

    overlap: float
    agreement: float
    mean_residual: float


def view_overlap(a: Level, b: Level, S_b_a: np.ndarray, step: int = 4) -> Consistency:
    """One-way check on every step-th pixel of a."""
    return _consistency(a, b, S_b_a, step, np.zeros(a.depth.shape, bool))


def covered_share(a: Level, others: Iterable[tuple[Level, np.ndarray]]) -> float:
    """Share, 0..1, of a's points on which at least one other view agrees.

    others: views b with S_b_a (4, 4).
    """
    seen = np.zeros(a.depth.shape, bool)
    for b, S_b_a in others:
        _consistency(a, b, S_b_a, 1, seen)
    return float(seen.sum() / max(int((a.depth > 0).sum()), 1))


def points_compared(a: Level, b: Level, S_b_a: np.ndarray, step: int = 1) -> tuple[int, int]:
    """How many of a's points agree with what b sees, and how many conflict."""
    unseen = np.zeros(a.depth.shape, bool)
    _, agree, conflict, _ = _compared(a, b, S_b_a, step, unseen)
    return int(agree), int(conflict)


def _consistency(a: Level, b: Level, S_b_a: np.ndarray, step: int, seen: np.ndarray) -> Consistency:
    """seen: bool (h, w) of a, set where b agrees."""
    points, agree, conflict, residual = _compared(a, b, S_b_a, step, seen)
    return Consistency(
        agree / max(points, 1), agree / max(agree + conflict, 1), residual / max(agree, 1)
    )


def _compared(
    a: Level, b: Level, S_b_a: np.ndarray, step: int, seen: np.ndarray
) -> tuple[int, int, int, float]:
    """See _compare."""
    found: tuple[int, int, int, float] = _compare(
        _Depths(a.depth, camera_of(a.camera)),
        _Depths(b.depth, camera_of(b.camera)),
        motion_of(S_b_a),
        a.noise.coefficients,
        step,
        seen,
    )
    return found


def two_way_consistency(
    a: Level, b: Level, S_a_b: np.ndarray, step: int = 2
) -> tuple[Consistency, Consistency]:
    """(a seen from b, b seen from a)."""
    return view_overlap(a, b, inverse_similarity(S_a_b), step), view_overlap(b, a, S_a_b, step)


class _Depths(NamedTuple):
    depth: np.ndarray
    camera: Camera


@kernel(fastmath=True)
def _compare(a, b, motion, noise, step, seen):
    points = agree = conflict = 0
    residual = 0.0
    for row in range(0, a.depth.shape[0], step):
        for column in range(0, a.depth.shape[1], step):
            z_a = a.depth[row, column]
            if z_a <= 0:
                continue
            points += 1
            X = carried(a.camera, motion, f32(column), f32(row), z_a)
            z = X[2]
            if z <= NEAREST:
                continue
            u, v = nearest_pixel(b.camera, X)
            if not is_inside(b.depth, u, v) or b.depth[v, u] <= 0:
                continue
            z_b = b.depth[v, u]
            if abs(z - z_b) < within(AGREEING, z, noise):
                agree += 1
                seen[row, column] = True
                residual += abs(z - z_b)
            elif z < z_b or z < z_b + DOUBLED:
                conflict += 1  # in free space of b, or just behind its surface: a doubled wall
    return points, agree, conflict, residual

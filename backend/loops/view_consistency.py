"""Do two depth views agree about what they both see?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit

from mapper.core.depth_noise import depth_sigma
from mapper.core.sim3 import inverse_similarity
from mapper.vision.depth_pyramid import Level


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


def _consistency(a: Level, b: Level, S_b_a: np.ndarray, step: int, seen: np.ndarray) -> Consistency:
    """seen: bool (h, w) of a, set where b agrees."""
    points, agree, conflict, residual = _compare(
        a.depth,
        a.camera,
        b.depth,
        b.camera,
        S_b_a[:3, :3].astype(np.float32),
        S_b_a[:3, 3].astype(np.float32),
        a.noise.coefficients,
        step,
        seen,
    )
    return Consistency(
        agree / max(points, 1), agree / max(agree + conflict, 1), residual / max(agree, 1)
    )


def two_way_consistency(
    a: Level, b: Level, S_a_b: np.ndarray, step: int = 2
) -> tuple[Consistency, Consistency]:
    """(a seen from b, b seen from a)."""
    return view_overlap(a, b, inverse_similarity(S_a_b), step), view_overlap(b, a, S_a_b, step)


@njit(cache=True, nogil=True, fastmath=True)
def _compare(depth_a, camera_a, depth_b, camera_b, R, t, noise, step, seen):
    f32 = np.float32
    fx_a, fy_a, cx_a, cy_a = f32(camera_a[0]), f32(camera_a[1]), f32(camera_a[2]), f32(camera_a[3])
    fx_b, fy_b, cx_b, cy_b = f32(camera_b[0]), f32(camera_b[1]), f32(camera_b[2]), f32(camera_b[3])
    height_b, width_b = depth_b.shape
    points = agree = conflict = 0
    residual = 0.0
    for row in range(0, depth_a.shape[0], step):
        for column in range(0, depth_a.shape[1], step):
            z_a = depth_a[row, column]
            if z_a <= 0:
                continue
            points += 1
            x_a = (f32(column) - cx_a) / fx_a * z_a
            y_a = (f32(row) - cy_a) / fy_a * z_a
            z = R[2, 0] * x_a + R[2, 1] * y_a + R[2, 2] * z_a + t[2]
            if z <= f32(0.05):
                continue
            x = R[0, 0] * x_a + R[0, 1] * y_a + R[0, 2] * z_a + t[0]
            y = R[1, 0] * x_a + R[1, 1] * y_a + R[1, 2] * z_a + t[1]
            u = int(np.floor(fx_b * x / z + cx_b + f32(0.5)))
            v = int(np.floor(fy_b * y / z + cy_b + f32(0.5)))
            if u < 0 or v < 0 or u >= width_b or v >= height_b:
                continue
            z_b = depth_b[v, u]
            if z_b <= 0:
                continue
            tolerance = f32(4) * depth_sigma(z, noise) + f32(0.015) * z
            if abs(z - z_b) < tolerance:
                agree += 1
                seen[row, column] = True
                residual += abs(z - z_b)
            elif z < z_b or z < z_b + f32(0.15):
                conflict += 1  # in free space of b, or just behind its surface: a doubled wall
    return points, agree, conflict, residual

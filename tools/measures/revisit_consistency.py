"""How well depth maps of the same place, seen far apart in time, lie on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import inverse
from mapper.runtime.kernels import kernel
from mapper.vision.depth_pyramid import Level
from mapper.vision.reprojection import (
    NEAREST,
    backprojected,
    camera_of,
    carried,
    is_inside,
    motion_of,
    nearest_pixel,
)

# Metres: points further apart are no measure of the poses' error. The same for every camera, or two
# cameras' figures could not be compared.
PAIR_DISTANCE = 0.10
MIN_NORMAL_COSINE = 0.7


@dataclass(frozen=True, slots=True)
class RevisitConsistency:
    """median: metres, point-to-plane over all points of all pairs. pairs: how many revisits."""

    median: float
    pairs: int


def find_revisits(
    poses: np.ndarray, levels: dict[int, Level], min_gap: int, min_overlap: float
) -> list[tuple[int, int]]:
    """Pairs (i, j) of the given frames, at least min_gap apart, that share min_overlap of view.

    poses: (N, 4, 4) T_world_camera to judge by, usually the ground truth. levels: by frame index.
    """
    frames = sorted(levels)
    pairs = []
    for a in frames:
        for b in frames:
            if b - a < min_gap:
                continue
            T_b_a = inverse(poses[b]) @ poses[a]
            residuals, points = point_to_plane(levels[a], levels[b], T_b_a)
            if points and len(residuals) / points >= min_overlap:
                pairs.append((a, b))
    return pairs


def revisit_consistency(
    poses: np.ndarray, levels: dict[int, Level], pairs: list[tuple[int, int]]
) -> RevisitConsistency:
    """Median distance of points of frame i to the surface of frame j under `poses`."""
    residuals = [
        point_to_plane(levels[a], levels[b], inverse(poses[b]) @ poses[a])[0] for a, b in pairs
    ]
    if not residuals:
        return RevisitConsistency(float("nan"), 0)
    return RevisitConsistency(float(np.median(np.concatenate(residuals))), len(pairs))


def point_to_plane(a: Level, b: Level, T_b_a: np.ndarray) -> tuple[np.ndarray, int]:
    """(absolute distances [m] of a's points to b's surface where they meet, points of a)."""
    distances = np.empty(a.depth.size)
    cameras = camera_of(a.camera, np.float64), camera_of(b.camera, np.float64)
    motion = motion_of(T_b_a, np.float64)
    points, met = _meet((a.depth, b.depth), (a.normals, b.normals), cameras, motion, distances)
    return distances[:met], points


@kernel()
def _meet(depths, normals, cameras, motion, distances):
    """(points of a, how many meet b's surface); `distances` gets those of the latter."""
    R = motion.R
    points = met = 0
    for row in range(depths[0].shape[0]):
        for column in range(depths[0].shape[1]):
            z = depths[0][row, column]
            if not z > 0:
                continue
            points += 1
            X = carried(cameras[0], motion, float(column), float(row), z)
            if X[2] <= NEAREST:
                continue
            u, v = nearest_pixel(cameras[1], X)
            if not is_inside(depths[1], u, v) or not depths[1][v, u] > 0:
                continue
            Y = backprojected(cameras[1], float(u), float(v), float(depths[1][v, u]))
            off = X[0] - Y[0], X[1] - Y[1], X[2] - Y[2]
            n, m = normals[0][row, column], normals[1][v, u]
            cosine = 0.0
            for i in range(3):
                cosine += m[i] * (R[i, 0] * n[0] + R[i, 1] * n[1] + R[i, 2] * n[2])
            apart = off[0] * off[0] + off[1] * off[1] + off[2] * off[2]
            if apart < PAIR_DISTANCE**2 and cosine > MIN_NORMAL_COSINE:
                distances[met] = abs(off[0] * m[0] + off[1] * m[1] + off[2] * m[2])
                met += 1
    return points, met

"""How well depth maps of the same place, seen far apart in time, lie on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import inverse, transform
from mapper.vision.depth_pyramid import Level

PAIR_DISTANCE = 0.10  # metres: points further apart are not the same surface
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
    rows, columns = np.nonzero(a.depth > 0)
    z = a.depth[rows, columns].astype(float)
    fx, fy, cx, cy = a.camera
    points = transform(T_b_a, np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], 1))
    normals_a = a.normals[rows, columns] @ T_b_a[:3, :3].T
    fx, fy, cx, cy = b.camera
    front = np.maximum(points[:, 2], 1e-3)
    u = np.rint(fx * points[:, 0] / front + cx).astype(int)
    v = np.rint(fy * points[:, 1] / front + cy).astype(int)
    seen = (points[:, 2] > 0.05) & (u >= 0) & (v >= 0)
    seen &= (u < b.depth.shape[1]) & (v < b.depth.shape[0])
    points, normals_a, u, v = points[seen], normals_a[seen], u[seen], v[seen]
    z_b = b.depth[v, u].astype(float)
    offset = points - np.stack([(u - cx) / fx * z_b, (v - cy) / fy * z_b, z_b], 1)
    normals_b = b.normals[v, u]
    meet = (z_b > 0) & (np.linalg.norm(offset, axis=1) < PAIR_DISTANCE)
    meet &= (normals_a * normals_b).sum(1) > MIN_NORMAL_COSINE
    return np.abs((offset[meet] * normals_b[meet]).sum(1)), len(z)

"""Points around a few cameras that look at them, for bundle adjustment and what it builds on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.frontends.mono.geometry.bundle import Observations
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose

LENS = Lens(500.0, 500.0, 319.5, 239.5, -0.05, 640, 480)


@dataclass(frozen=True)
class SparseScene:
    """poses: T_camera_world (V, 3, 4). points: (P, 3). seen: every point in every view."""

    lens: Lens
    poses: np.ndarray
    points: np.ndarray
    seen: Observations


def pixels_of(lens: Lens, T: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of points (N, 3) in front of a camera T_camera_world (3, 4)."""
    inside = points @ T[:, :3].T + T[:, 3]
    return lens.pixels(inside[:, :2] / inside[:, 2:])


def sparse_scene(views: int = 4, count: int = 60, noise: float = 0.0, seed: int = 0) -> SparseScene:
    """Cameras that step sideways and turn a little, and points 1.5 to 4 units before them."""
    rng = np.random.default_rng(seed)
    points = np.column_stack(
        [rng.uniform(-1, 1, count), rng.uniform(-0.7, 0.7, count), rng.uniform(1.5, 4, count)]
    )
    twists = np.array([[0.01, -0.02, 0.01, -0.1, 0.02, 0.03]]) * np.arange(views)[:, None]
    poses = np.stack([moved_pose(twist, np.eye(3, 4)) for twist in twists])
    pixels = np.stack([pixels_of(LENS, T, points) for T in poses], axis=1)
    pixels += noise * rng.standard_normal(pixels.shape)
    seen = Observations(
        np.arange(count + 1) * views,
        np.tile(np.arange(views), count),
        pixels.reshape(-1, 2).copy(),
        np.ones(views * count),
    )
    return SparseScene(LENS, poses, points, seen)

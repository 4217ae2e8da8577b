"""Keyframes that look at the same points, with features whose descriptors name them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.backend.tracks.view import View
from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import LocalFeatures

LENS = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)


class NameMatcher:
    """Features are of one point where they bear the same number."""

    name = "names"

    def extract(self, image: np.ndarray, pointmap: np.ndarray) -> LocalFeatures:
        raise NotImplementedError

    def match(self, a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
        _, in_a, in_b = np.intersect1d(
            a.descriptors[:, 0], b.descriptors[:, 0], return_indices=True
        )
        return np.stack([in_a, in_b], 1)

    def made(self, features: LocalFeatures) -> bool:
        return True


def poses_along(count: int, step: tuple[float, float, float] = (0.1, 0.02, 0.0)) -> np.ndarray:
    """T_world_camera (V, 4, 4) of cameras on a line that turn a little."""
    turns = Rotation.from_rotvec(np.array([[0.01, -0.03, 0.005]]) * np.arange(count)[:, None])
    return np.stack([pose(turns[i].as_matrix(), i * np.array(step)) for i in range(count)])


def world_points(count: int = 80, seed: int = 0) -> np.ndarray:
    """(N, 3), in front of all cameras of a few steps."""
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.uniform(-0.7, 1, count), rng.uniform(-0.7, 0.7, count), rng.uniform(1.5, 3, count)]
    )


def view_of(
    T_world_camera: np.ndarray, points: np.ndarray, noise: float = 0.0, depth: bool = True
) -> View:
    """All points, each a feature that bears its number."""
    seen = transform(inverse(T_world_camera), points)
    pixels = seen[:, :2] / seen[:, 2:] * LENS.fx + [LENS.cx, LENS.cy]
    rng = np.random.default_rng(int(1e6 * abs(T_world_camera[0, 3])))
    pixels += noise * rng.standard_normal(pixels.shape)
    names = np.arange(len(points), dtype=np.float32)[:, None]
    local = seen if depth else np.zeros_like(seen)
    features = LocalFeatures(pixels.astype(np.float32), names, local.astype(np.float32))
    return View(features, T_world_camera, LENS)

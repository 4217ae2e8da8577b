"""Cameras with known poses and depth maps, and the pairs that an ideal network makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import backproject, exp_se3, inverse, transform
from mapper.core.image_pairs import ImagePair
from mapper.core.intrinsics import Intrinsics

HEIGHT, WIDTH = 12, 16


@dataclass(frozen=True)
class Scene:
    """T_world_camera: (n, 4, 4). depths: float32 (n, h, w). focal: pixels, of all cameras."""

    T_world_camera: np.ndarray
    depths: np.ndarray
    focal: float

    @staticmethod
    def random(images: int, seed: int) -> Scene:
        """Cameras within about a unit and a few tenths of a radian of each other."""
        rng = np.random.default_rng(seed)
        twists = rng.normal(size=(images, 6)) * ([0.15] * 3 + [0.5] * 3)
        x, y = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
        waves = [np.sin(a * x + b) * np.cos(c * y) for a, b, c in rng.uniform(1, 4, (images, 3))]
        depths = np.stack([3 + 0.5 * wave for wave in waves]).astype(np.float32)
        return Scene(np.stack([exp_se3(twist) for twist in twists]), depths, 18.0)

    @property
    def intrinsics(self) -> Intrinsics:
        return Intrinsics(self.focal, self.focal, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)

    def pair(
        self, i: int, j: int, scale: float = 1.0, noise: float = 0.0, seed: int = 0
    ) -> ImagePair:
        """Exact but for a scale, and for noise of the relative pose (rad, units)."""
        rng = np.random.default_rng(seed)
        T_i_j = inverse(self.T_world_camera[i]) @ self.T_world_camera[j]
        T_i_j = T_i_j @ exp_se3(noise * rng.normal(size=6))
        own, other = (backproject(self.depths[k], self.intrinsics) for k in (i, j))
        points = (own, transform(T_i_j, other))
        confidences = rng.uniform(4, 9, (2, HEIGHT, WIDTH)).astype(np.float32)
        own, other = ((scale * each).astype(np.float32) for each in points)
        return ImagePair(i, j, own, confidences[0], other, confidences[1])

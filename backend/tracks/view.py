"""A keyframe as its features see the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import LocalFeatures

if TYPE_CHECKING:
    from jaxtyping import Float64

NEAREST = 1e-6  # of what a point's depth is divided by


@dataclass(frozen=True, slots=True)
class View:
    """T_world_camera: (4, 4), rigid. scale: of the camera's units in the world's, by which the
    depths of its features are multiplied. noise: of those depths, before that."""

    features: LocalFeatures
    T_world_camera: Float64[np.ndarray, "4 4"]
    intrinsics: Intrinsics
    scale: float = 1.0
    noise: DepthNoise = LEARNED


@dataclass(frozen=True, slots=True)
class Cameras:
    """Of all views, for many points at once.

    rotations: (V, 3, 3) and translations (V, 3), camera from world. focal, centre: (V, 2).
    """

    rotations: Float64[np.ndarray, "v 3 3"]
    translations: Float64[np.ndarray, "v 3"]
    focal: Float64[np.ndarray, "v 2"]
    centre: Float64[np.ndarray, "v 2"]

    @classmethod
    def of(
        cls, T_world_camera: Float64[np.ndarray, "v 4 4"], intrinsics: list[Intrinsics]
    ) -> Cameras:
        """The cameras at these poses."""
        T_camera_world = inverse(T_world_camera)
        return cls(
            T_camera_world[:, :3, :3],
            T_camera_world[:, :3, 3],
            np.array([(camera.fx, camera.fy) for camera in intrinsics]),
            np.array([(camera.cx, camera.cy) for camera in intrinsics]),
        )

    def seen(
        self, points: Float64[np.ndarray, "n 3"], views: np.ndarray
    ) -> Float64[np.ndarray, "n 3"]:
        """Points (N, 3) of the world in the camera frames of views (N,)."""
        turned = np.einsum("nij,nj->ni", self.rotations[views], points)
        return np.asarray(turned + self.translations[views])

    def pixels(
        self, seen: Float64[np.ndarray, "n 3"], views: np.ndarray
    ) -> Float64[np.ndarray, "n 2"]:
        """Where points (N, 3) of the camera frames land; meaningless of those behind."""
        z = np.maximum(seen[:, 2:], NEAREST)
        return np.asarray(seen[:, :2] / z * self.focal[views] + self.centre[views])

    def errors(
        self,
        points: Float64[np.ndarray, "n 3"],
        views: np.ndarray,
        pixels: Float64[np.ndarray, "n 2"],
    ) -> Float64[np.ndarray, " n"]:
        """Pixels between where points (N, 3) are seen and where they land; inf behind a camera."""
        seen = self.seen(points, views)
        off = np.linalg.norm(self.pixels(seen, views) - pixels, axis=1)
        return np.where(seen[:, 2] > NEAREST, off, np.inf)

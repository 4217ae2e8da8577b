"""An image's features matched with points of several keyframes, and the pose they agree on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.core.geometry import inverse, transform
from mapper.core.intrinsics import Intrinsics
from mapper.localization.landmarks import Landmark
from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import REPROJECTION_PIXELS, LocalFeatures, pose_from_matches

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int

NEAREST: Final = 1e-6  # units before the camera


@dataclass(frozen=True, slots=True)
class PooledMatches:
    """Rows (M,): points (M, 3) in the world, features of the image and their pixels (M, 2), and the
    keyframes that have the points. spread: (M, 3), by how much the points may be off along their
    keyframes' rays, a deviation, in the world."""

    points: Float64[np.ndarray, "m 3"]
    pixels: Float64[np.ndarray, "m 2"]
    features: Int[np.ndarray, " m"]
    keyframes: Int[np.ndarray, " m"]
    spread: Float64[np.ndarray, "m 3"]

    @classmethod
    def of(
        cls,
        image: LocalFeatures,
        matched: Iterable[tuple[Landmark, Int[np.ndarray, "k 2"]]],
    ) -> PooledMatches:
        """matched: keyframes with pairs, rows (feature there, feature of the image)."""
        parts = [_of_one(image, landmark, pairs) for landmark, pairs in matched]
        none = np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int)
        columns = zip((*none, np.zeros((0, 3))), *parts, strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def __len__(self) -> int:
        return len(self.points)

    def chosen(self, rows: np.ndarray) -> PooledMatches:
        """Those rows."""
        return PooledMatches(
            self.points[rows],
            self.pixels[rows],
            self.features[rows],
            self.keyframes[rows],
            self.spread[rows],
        )

    def off(self, T_world_camera: np.ndarray, camera: Intrinsics) -> Float64[np.ndarray, " m"]:
        """Pixels by which the points land off their features; infinite behind the camera."""
        seen = transform(inverse(T_world_camera), self.points)
        z = np.maximum(seen[:, 2:], NEAREST)
        there = seen[:, :2] / z * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        off = np.linalg.norm(there - self.pixels, axis=1)
        return np.where(seen[:, 2] > NEAREST, off, np.inf)

    def agreeing(self, T_world_camera: np.ndarray, camera: Intrinsics) -> Bool[np.ndarray, " m"]:
        """Which of them a pose explains."""
        return self.off(T_world_camera, camera) <= agreeing_pixels(camera)

    def support(self, T_world_camera: np.ndarray, camera: Intrinsics) -> int:
        """Features of the image that a pose explains, each counted once."""
        return len(np.unique(self.features[self.agreeing(T_world_camera, camera)]))

    def pose_near(
        self, T_world_camera: Float64[np.ndarray, "4 4"], camera: Intrinsics
    ) -> Float64[np.ndarray, "4 4"] | None:
        """The pose that most of them agree on, by RANSAC over all; None where too few do.

        T_world_camera: only tells which points can lie before the camera.
        """
        points = transform(inverse(T_world_camera), self.points).astype(np.float32)
        none = np.zeros((len(self), 0))
        a = LocalFeatures(np.zeros((len(self), 2), np.float32), none, points)
        b = LocalFeatures(self.pixels.astype(np.float32), none, points)
        pairs = np.repeat(np.arange(len(self))[:, None], 2, axis=1)
        found = pose_from_matches(a, b, pairs, camera)
        return None if found is None else T_world_camera @ found.T_a_b


def agreeing_pixels(camera: Intrinsics) -> float:
    """How far a right match may land from its pixel."""
    return REPROJECTION_PIXELS / smallness(camera.width, camera.height)


def _of_one(image: LocalFeatures, landmark: Landmark, pairs: np.ndarray) -> tuple[np.ndarray, ...]:
    """The columns of one keyframe's matches, without those that have no depth there."""
    there = landmark.features.points[pairs[:, 0]].astype(np.float64)
    pairs, there = pairs[there[:, 2] > 0], there[there[:, 2] > 0]
    points = transform(landmark.T_world_camera, there)
    sigma = depth_sigma(there[:, 2], landmark.noise.coefficients)
    along = there / there[:, 2:] * sigma[:, None]
    return (
        points,
        image.pixels[pairs[:, 1]].astype(np.float64),
        pairs[:, 1].astype(int),
        np.full(len(pairs), landmark.id),
        along @ landmark.T_world_camera[:3, :3].T,
    )

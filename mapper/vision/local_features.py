"""Sparse features lifted to 3D, and the pose that their matches imply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.vision.image_sizes import smallness

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int, Shaped

RANSAC_SEED = 7
REPROJECTION_PIXELS = 4.0  # less in small images
# Times that, beyond which a pose contradicts matches: colour may lag behind depth by a few pixels.
CONTRADICTING = 3.0


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """pixels: float32 (N, 2), u v. descriptors: (N, D), as their matcher makes them.

    points: float32 (N, 3), camera frame; z = 0 where there is no depth.
    """

    pixels: Float32[np.ndarray, "n 2"]
    descriptors: Shaped[np.ndarray, "n d"]
    points: Float32[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.pixels)


def lifted(
    pixels: Float32[np.ndarray, "n 2"],
    descriptors: Shaped[np.ndarray, "n d"],
    pointmap: Float32[np.ndarray, "h w 3"],
) -> LocalFeatures:
    """Features with the points under them: those of the pixels whose centres are nearest."""
    height, width = pointmap.shape[:2]
    columns = np.clip(np.rint(pixels[:, 0]).astype(int), 0, width - 1)
    rows = np.clip(np.rint(pixels[:, 1]).astype(int), 0, height - 1)
    return LocalFeatures(pixels, descriptors, pointmap[rows, columns])


@dataclass(frozen=True, slots=True)
class MatchedPose:
    """T_a_b: (4, 4). pairs: (K, 2), the matches that agree with it, of so many matches."""

    T_a_b: Float64[np.ndarray, "4 4"]
    pairs: Int[np.ndarray, "k 2"]
    matches: int

    @property
    def inliers(self) -> int:
        """How many matches agree with the pose."""
        return len(self.pairs)


def pose_from_matches(
    a: LocalFeatures,
    b: LocalFeatures,
    pairs: Int[np.ndarray, "m 2"],
    camera_b: Intrinsics,
    min_inliers: int = 12,
) -> MatchedPose | None:
    """Pose of camera b in camera a from a's 3D points seen in b (PnP in RANSAC), or None.

    pairs: (M, 2), as a FeatureMatcher finds them. Only a needs depth, so that a frame with little
    of it can still be placed.
    """
    pairs = pairs[a.points[pairs[:, 0], 2] > 0]
    if len(pairs) < min_inliers:
        return None
    cv2.setRNGSeed(RANSAC_SEED)
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        a.points[pairs[:, 0]].astype(np.float64),
        b.pixels[pairs[:, 1]].astype(np.float64),
        camera_b.matrix,
        None,
        iterationsCount=200,
        reprojectionError=REPROJECTION_PIXELS / smallness(camera_b.width, camera_b.height),
        confidence=0.999,
        flags=cv2.SOLVEPNP_P3P,
    )
    if not found or inliers is None or len(inliers) < min_inliers:
        return None
    T_b_a = pose(cv2.Rodrigues(rotation)[0], translation.ravel())
    return MatchedPose(inverse(T_b_a), pairs[inliers.ravel()], len(pairs))


def contradicts(
    T_a_b: Float64[np.ndarray, "4 4"],
    a: LocalFeatures,
    b: LocalFeatures,
    pairs: Int[np.ndarray, "k 2"],
    camera_b: Intrinsics,
) -> bool:
    """Whether a pose lets most of the pairs land far from their pixels.

    pairs: (K, 2), that agree with one another; a's have depth.
    """
    there = transform(inverse(T_a_b), a.points[pairs[:, 0]].astype(np.float64))
    z = np.maximum(there[:, 2], 1e-6)
    u = camera_b.fx * there[:, 0] / z + camera_b.cx
    v = camera_b.fy * there[:, 1] / z + camera_b.cy
    pixels = b.pixels[pairs[:, 1]]
    off = np.hypot(u - pixels[:, 0], v - pixels[:, 1])
    limit = CONTRADICTING * REPROJECTION_PIXELS / smallness(camera_b.width, camera_b.height)
    return bool(np.median(off) > limit)

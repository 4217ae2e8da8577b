"""Sparse features lifted to 3D, and the pose that their matches imply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import inverse_similarity
from mapper.vision.image_sizes import smallness

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int, Shaped

RANSAC_SEED = 7
HYPOTHESES = 1000
REPROJECTION_PIXELS = 4.0  # less in small images
# Times that, beyond which a pose contradicts matches: colour may lag behind depth by a few pixels.
CONTRADICTING = 3.0
MIN_SEEN_AGAIN = 0.05  # of the features that should be, or two places only look alike


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

    def within(self, mask: Bool[np.ndarray, "h w"] | None) -> LocalFeatures:
        """Those at pixels where a mask is True; all without one."""
        if mask is None:
            return self
        rows, columns = (
            np.clip(np.rint(self.pixels[:, axis]).astype(int), 0, mask.shape[1 - axis] - 1)
            for axis in (1, 0)
        )
        kept = mask[rows, columns]
        return LocalFeatures(self.pixels[kept], self.descriptors[kept], self.points[kept])


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
    found, _, rotation, translation, inliers = cv2.solvePnPRansac(
        a.points[pairs[:, 0]].astype(np.float64),
        b.pixels[pairs[:, 1]].astype(np.float64),
        camera_b.matrix,
        None,
        params=_ransac(REPROJECTION_PIXELS / smallness(camera_b.width, camera_b.height)),
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
    there = _landing(T_a_b, a.points[pairs[:, 0]], camera_b)
    off = np.linalg.norm(there - b.pixels[pairs[:, 1]], axis=1)
    limit = CONTRADICTING * REPROJECTION_PIXELS / smallness(camera_b.width, camera_b.height)
    return bool(np.median(off) > limit)


def is_recognised(
    S_a_b: Float64[np.ndarray, "4 4"], inliers: int, a: LocalFeatures, camera_b: Intrinsics
) -> bool:
    """Whether so many matches show a place to be the same, and not one that looks alike."""
    return seen_again(S_a_b, inliers, a, camera_b) >= MIN_SEEN_AGAIN


def seen_again(
    S_a_b: Float64[np.ndarray, "4 4"], inliers: int, a: LocalFeatures, camera_b: Intrinsics
) -> float:
    """Of a's features that a pose or similarity puts into b's image, the share that agree with it.

    Where two places look alike a few matches agree by what repeats; the others are not seen again.
    """
    u, v = _landing(S_a_b, a.points[a.points[:, 2] > 0], camera_b).T
    inside = (u > -0.5) & (v > -0.5) & (u < camera_b.width - 0.5) & (v < camera_b.height - 0.5)
    return inliers / max(int(inside.sum()), 1)


def _landing(S_a_b: np.ndarray, points: np.ndarray, camera_b: Intrinsics) -> np.ndarray:
    """Pixels (N, 2) of b's image where points (N, 3) of a land; far away if they are behind it."""
    there = transform(inverse_similarity(S_a_b), points.astype(np.float64))
    z = np.maximum(there[:, 2:], 1e-6)
    focal, centre = [camera_b.fx, camera_b.fy], [camera_b.cx, camera_b.cy]
    return np.asarray(there[:, :2] / z * focal + centre)


def _ransac(threshold: float) -> cv2.UsacParams:
    """RANSAC whose hypotheses are refined as they are found: few of many matches may be right.

    Source: Chum, Matas, Kittler, "Locally optimized RANSAC", DAGM 2003; Torr and Zisserman's MSAC.
    """
    params = cv2.UsacParams()
    params.threshold = threshold
    params.maxIterations = HYPOTHESES
    params.confidence = 0.999
    params.randomGeneratorState = RANSAC_SEED
    params.sampler = cv2.SAMPLING_UNIFORM
    params.score = cv2.SCORE_METHOD_MSAC
    params.loMethod = cv2.LOCAL_OPTIM_INNER_LO
    params.loIterations, params.loSampleSize = 10, 14
    params.final_polisher = cv2.COV_POLISHER
    return params

"""Sparse binary features: detection, matching, and the pose that matches imply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.geometry import inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.vision.image_sizes import smallness

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int, UInt8

MAX_HAMMING = 64  # of 256 bits; unrelated ORB descriptors differ in about 100 and more
RANSAC_SEED = 7
REPROJECTION_PIXELS = 4.0  # less in small images


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """pixels: float32 (N, 2), u v. descriptors: uint8 (N, 32), ORB.

    points: float32 (N, 3), camera frame; z = 0 where there is no depth.
    """

    pixels: Float32[np.ndarray, "n 2"]
    descriptors: UInt8[np.ndarray, "n 32"]
    points: Float32[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.pixels)


class FeatureExtractor:
    """ORB features (Rublee et al., ICCV 2011), lifted to 3D with the depth under them.

    ORB leaves out 31 pixels along each border and describes patches of 31, which is most of a
    small image: that is enlarged first.
    """

    def __init__(self, max_features: int = 1000, fast_threshold: int = 10) -> None:
        self._orb = cv2.ORB.create(nfeatures=max_features, fastThreshold=fast_threshold)

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], pointmap: Float32[np.ndarray, "h w 3"]
    ) -> LocalFeatures:
        """Features of an image uint8 (H, W, 3) and its pointmap float32 (H, W, 3)."""
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        height, width = gray.shape
        enlargement = smallness(width, height)
        if enlargement > 1:
            size = round(enlargement * width), round(enlargement * height)
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC)
        keypoints, descriptors = self._orb.detectAndCompute(gray, None)
        if descriptors is None:
            return LocalFeatures(
                np.zeros((0, 2), np.float32),
                np.zeros((0, 32), np.uint8),
                np.zeros((0, 3), np.float32),
            )
        pixels = np.array(cv2.KeyPoint.convert(keypoints), np.float32).reshape(-1, 2)
        if enlargement > 1:
            share = np.array([width / gray.shape[1], height / gray.shape[0]], np.float32)
            pixels = (pixels + np.float32(0.5)) * share - np.float32(0.5)
        columns = np.clip(np.rint(pixels[:, 0]).astype(int), 0, width - 1)
        rows = np.clip(np.rint(pixels[:, 1]).astype(int), 0, height - 1)
        return LocalFeatures(pixels, descriptors, pointmap[rows, columns])


def match_features(a: LocalFeatures, b: LocalFeatures) -> Int[np.ndarray, "m 2"]:
    """Mutual nearest neighbours within MAX_HAMMING: int (M, 2), rows (index in a, index in b)."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros((0, 2), int)
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
    matches = matcher.match(a.descriptors, b.descriptors)
    pairs = [(m.queryIdx, m.trainIdx) for m in matches if m.distance <= MAX_HAMMING]
    return np.array(pairs, int).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class MatchedPose:
    """T_a_b: (4, 4). inliers: how many matches agree with it. matches: how many there were."""

    T_a_b: Float64[np.ndarray, "4 4"]
    inliers: int
    matches: int


def pose_from_matches(
    a: LocalFeatures, b: LocalFeatures, camera_b: Intrinsics, min_inliers: int = 12
) -> MatchedPose | None:
    """Pose of camera b in camera a from a's 3D points seen in b (PnP in RANSAC), or None.

    Only a needs depth, so that a frame with little of it can still be placed.
    """
    pairs = match_features(a, b)
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
    return MatchedPose(inverse(T_b_a), len(inliers), len(pairs))

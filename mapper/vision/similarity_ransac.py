"""The similarity between two views from their matched features, lifted by both pointmaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.geometry import inverse, transform, umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import inverse_similarity, similarity
from mapper.vision.local_features import RANSAC_SEED, LocalFeatures, pose_from_matches

if TYPE_CHECKING:
    from jaxtyping import Float64, Int

HYPOTHESES = 500
MIN_INLIERS = 12
PIXEL_SHARE = 0.01  # of the image width: how far a right match may land from its pixel
DEPTH_SHARE = 0.15  # of the depth: how far apart two networks' points of one place may be
REFINEMENTS = 3


@dataclass(frozen=True, slots=True)
class MatchedSimilarity:
    """S_a_b: (4, 4). inliers: how many matches agree with it. matches: how many there were."""

    S_a_b: Float64[np.ndarray, "4 4"]
    inliers: int
    matches: int


def similarity_from_matches(
    a: LocalFeatures,
    b: LocalFeatures,
    pairs: Int[np.ndarray, "m 2"],
    camera_a: Intrinsics,
    camera_b: Intrinsics,
) -> MatchedSimilarity | None:
    """S_a_b by RANSAC over triples of matched points, refined on what agrees; None if too few do.

    pairs: (M, 2), as a FeatureMatcher finds them. A match agrees when each point lands near the
    other's pixel and at about its depth, both ways. Pixels are worth more than depths, which
    networks get wrong together.
    Source: Umeyama, PAMI 1991, inside Fischler and Bolles, CACM 1981.
    """
    pairs = pairs[(a.points[pairs[:, 0], 2] > 0) & (b.points[pairs[:, 1], 2] > 0)]
    if len(pairs) < MIN_INLIERS:
        return None
    matches = _Matches(
        a.points[pairs[:, 0]].astype(float),
        b.points[pairs[:, 1]].astype(float),
        a.pixels[pairs[:, 0]].astype(float),
        b.pixels[pairs[:, 1]].astype(float),
        camera_a,
        camera_b,
    )
    rng = np.random.default_rng(RANSAC_SEED)
    triples = rng.integers(0, len(pairs), (HYPOTHESES, 3))
    # Of triples that a repeated or collinear point makes useless nothing will agree.
    hypotheses = similarity(*umeyama(matches.points_b[triples], matches.points_a[triples], True))
    counts = np.array([matches.agree(S).sum() for S in hypotheses])
    S = hypotheses[int(np.argmax(counts))]
    for _ in range(REFINEMENTS):
        inliers = matches.agree(S)
        if inliers.sum() < MIN_INLIERS:
            return None
        scale, T = umeyama(matches.points_b[inliers], matches.points_a[inliers], True)
        S = similarity(scale, T)
    inliers = matches.agree(S)
    if inliers.sum() < MIN_INLIERS:
        return None
    return MatchedSimilarity(S, int(inliers.sum()), len(pairs))


def scaled_pose_from_matches(
    a: LocalFeatures,
    b: LocalFeatures,
    pairs: Int[np.ndarray, "m 2"],
    camera_b: Intrinsics,
) -> MatchedSimilarity | None:
    """S_a_b where a's depth is good and b's is not: its pose by a's points in b's image (PnP in
    RANSAC), its scale the middle of the depths' ratios; None if too few matches agree."""
    matched = pose_from_matches(a, b, pairs, camera_b)
    if matched is None:
        return None
    kept = matched.pairs[b.points[matched.pairs[:, 1], 2] > 0]
    if len(kept) < MIN_INLIERS:
        return None
    there = transform(inverse(matched.T_a_b), a.points[kept[:, 0]].astype(float))
    scale = float(np.median(there[:, 2] / b.points[kept[:, 1], 2]))
    return MatchedSimilarity(similarity(scale, matched.T_a_b), matched.inliers, matched.matches)


@dataclass(frozen=True, slots=True)
class _Matches:
    """points_a, points_b: (M, 3), each in its camera. pixels_a, pixels_b: (M, 2)."""

    points_a: np.ndarray
    points_b: np.ndarray
    pixels_a: np.ndarray
    pixels_b: np.ndarray
    camera_a: Intrinsics
    camera_b: Intrinsics

    def agree(self, S_a_b: np.ndarray) -> np.ndarray:
        """Which matches a hypothesis explains, (M,)."""
        there = transform(S_a_b, self.points_b)
        back = transform(inverse_similarity(S_a_b), self.points_a)
        return _near(there, self.points_a, self.pixels_a, self.camera_a) & _near(
            back, self.points_b, self.pixels_b, self.camera_b
        )


def _near(
    moved: np.ndarray, points: np.ndarray, pixels: np.ndarray, camera: Intrinsics
) -> np.ndarray:
    z = np.maximum(moved[:, 2], 1e-9)
    u = camera.fx * moved[:, 0] / z + camera.cx
    v = camera.fy * moved[:, 1] / z + camera.cy
    off = np.hypot(u - pixels[:, 0], v - pixels[:, 1])
    depth_off = np.abs(moved[:, 2] - points[:, 2])
    return (
        (moved[:, 2] > 0)
        & (off < PIXEL_SHARE * camera.width)
        & (depth_off < DEPTH_SHARE * points[:, 2])
    )

"""The best place for an image by its matched features, with what speaks for and against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.core.intrinsics import Intrinsics
from mapper.localization.landmarks import Landmark, Landmarks
from mapper.localization.pooled_matches import PooledMatches
from mapper.localization.refinement import Refined, refined
from mapper.vision.local_features import LocalFeatures, MatchedPose, pose_from_matches

if TYPE_CHECKING:
    from jaxtyping import Int

CANDIDATES: Final = 10  # keyframes that look alike, and are matched
AROUND: Final = 6  # keyframes that should see the place that they say
LEAST: Final = 10  # matches that agree, for a place to be looked into
# Places nearer than this share of the depth, and turned less [rad], are one.
SAME_SHARE: Final = 0.2
SAME_ANGLE: Final = 0.25
OWN: Final = 8  # matches of its own that let a keyframe bear a place out


@dataclass(frozen=True, slots=True)
class MatchedView:
    """A keyframe, and the pairs (K, 2), rows (feature there, feature of the image)."""

    landmark: Landmark
    pairs: Int[np.ndarray, "k 2"]

    def pose(self, features: LocalFeatures, camera: Intrinsics) -> MatchedPose | None:
        """T_landmark_camera on which its pairs agree; None where too few do."""
        return pose_from_matches(self.landmark.features, features, self.pairs, camera, LEAST)


@dataclass(frozen=True, slots=True)
class Sighting:
    """refined: the place. pool: all matches. inliers: features of the image that agree. rival:
    features that agree on another place. bearing: ids of the keyframes that bear it out, those with
    the most matches first. depth: median of what it sees, units."""

    refined: Refined
    pool: PooledMatches
    inliers: int
    rival: int
    bearing: tuple[int, ...]
    depth: float


def matched_views(
    landmarks: Landmarks, keyframes: Iterable[int], features: LocalFeatures
) -> list[MatchedView]:
    """Keyframes matched with an image."""
    match = landmarks.matcher.match
    return [MatchedView(v, match(v.features, features)) for v in map(landmarks.view, keyframes)]


def best_sighting(
    landmarks: Landmarks,
    features: LocalFeatures,
    camera: Intrinsics,
    views: Sequence[MatchedView],
    with_focal: bool = False,
) -> Sighting | None:
    """Where most of the matched features put the camera; None where they agree on nothing.

    views: keyframes to begin with; those around the place that they say are matched too, so that
    it is borne out by many, or not. with_focal: the camera's focal length is a guess.
    """
    starts = _starts(views, features, camera)
    if not starts:
        return None
    pool = _pool(features, views)
    T = max(starts, key=lambda start: pool.support(start, camera))
    known = {view.landmark.id for view in views}
    around = landmarks.around(T, _depth(pool, T), AROUND)
    views = [*views, *matched_views(landmarks, (k for k in around if k not in known), features)]
    pool = _pool(features, views)
    near = pool.pose_near(T, camera)
    found = None if near is None else refined(pool, near, camera, with_focal)
    if found is None:
        return None
    return _judged(found, pool, _starts(views, features, found.camera))


def _starts(
    views: Iterable[MatchedView], features: LocalFeatures, camera: Intrinsics
) -> list[np.ndarray]:
    """T_world_camera (4, 4) by each of the keyframes alone."""
    found = ((view.landmark, view.pose(features, camera)) for view in views)
    return [there.T_world_camera @ one.T_a_b for there, one in found if one is not None]


def _pool(features: LocalFeatures, views: Iterable[MatchedView]) -> PooledMatches:
    return PooledMatches.of(features, [(view.landmark, view.pairs) for view in views])


def _depth(pool: PooledMatches, T_world_camera: np.ndarray) -> float:
    """Median of the depths of what is before the camera; 1 of nothing."""
    z = (pool.points - T_world_camera[:3, 3]) @ T_world_camera[:3, 2]
    return float(np.median(z[z > 0])) if (z > 0).any() else 1.0


def _judged(found: Refined, pool: PooledMatches, places: Iterable[np.ndarray]) -> Sighting:
    """places: T_world_camera, that keyframes by themselves have said."""
    T = found.T_world_camera
    agree = pool.agreeing(T, found.camera)
    ids, counts = np.unique(pool.keyframes[agree], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    bearing = tuple(int(k) for k in ids[order][counts[order] >= OWN])
    depth = _depth(pool.chosen(agree), T)
    others = [other for other in places if not _same(other, T, depth * SAME_SHARE)]
    rest = pool.chosen(~agree)  # what is seen from both places speaks for neither
    rival = max((rest.support(other, found.camera) for other in others), default=0)
    inliers = len(np.unique(pool.features[agree]))
    return Sighting(found, pool, inliers, rival, bearing, depth)


def _same(T: np.ndarray, other: np.ndarray, away: float) -> bool:
    moved = inverse(T) @ other
    shift = float(np.linalg.norm(moved[:3, 3]))
    return shift <= away and rotation_angle(moved[:3, :3]) <= SAME_ANGLE

"""Do features that were matched agree with where the map has two keyframes?

On walls and floors surfaces agree with any slide along them; what is painted there does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.misplacement import Misplacement, misplacement
from mapper.backend.self_doubt.surface_conflicts import conflict_of
from mapper.core.geometry import inverse, transform
from mapper.core.sim3 import rigid_part
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import pose_from_matches
from mapper.vision.matching import FeatureMatcher

MIN_MATCHES: Final = 20  # that agree on one pose
FEW: Final = 0.25  # of so many: those that agree with the map, where it is contradicted
MOST: Final = 0.5  # of so many, that a refined pose must keep
# Within which a match agrees with a pose, less in small images: three times what RANSAC takes for
# agreement, as colour may lag behind depth by a few pixels.
PIXELS: Final = 12.0
FITS: Final = 0.07  # of the points in free space: as many as a right map has by noise alone


@dataclass(frozen=True, slots=True)
class MatchConflict:
    """Of keyframes i < j: matches of features that agree on another place than the map's, where
    `agreeing` of all agree with the map. fit: where they put keyframe j."""

    i: int
    j: int
    matches: int
    agreeing: int
    fit: Misplacement


def match_conflicts(
    pairs: Collection[tuple[Keyframe, Keyframe]],
    poses: Mapping[int, np.ndarray],
    maps: MapCache,
    matcher: FeatureMatcher,
    config: AlignmentConfig,
) -> list[MatchConflict]:
    """Of pairs of keyframes, metric ones, the earlier first. poses: S_world_keyframe.

    Matches count where the surfaces bear them out as well: those of a body that moved do not move
    the room, and a pattern that repeats itself fits in one place alone.
    """
    found = []
    for earlier, later in pairs:
        matches = Matches.of(earlier, later, matcher)
        T_map = inverse(rigid_part(poses[earlier.id])) @ rigid_part(poses[later.id])
        conflict = matches.conflict(T_map, maps, config)
        if conflict is not None and conflict.fit.shows:
            found.append(conflict)
    return found


@dataclass(frozen=True, slots=True)
class Matches:
    """pairs: (M, 2), matched features of two keyframes."""

    earlier: Keyframe
    later: Keyframe
    pairs: np.ndarray

    @classmethod
    def of(cls, earlier: Keyframe, later: Keyframe, matcher: FeatureMatcher) -> Matches:
        """As the matcher finds them."""
        return cls(earlier, later, matcher.match(earlier.features, later.features))

    def conflict(
        self, T_map: np.ndarray, maps: MapCache, config: AlignmentConfig
    ) -> MatchConflict | None:
        """With where the map has the later one in the earlier, if most agree on another place."""
        a, b = self.earlier, self.later
        matched = pose_from_matches(a.features, b.features, self.pairs, b.intrinsics)
        if matched is None or matched.inliers < MIN_MATCHES:
            return None
        agreeing = self.agreeing(T_map)
        if agreeing > FEW * matched.inliers:
            return None
        for T in self._refined(matched.T_a_b, maps, config):
            if self.agreeing(T) >= MOST * matched.inliers and self._is_borne_out(T, maps):
                fit = misplacement(T_map, T)
                return MatchConflict(a.id, b.id, matched.inliers, agreeing, fit)
        return None

    def agreeing(self, T_earlier_later: np.ndarray) -> int:
        """How many matches fit there."""
        a, b, camera = self.earlier.features, self.later.features, self.later.intrinsics
        pairs = self.pairs[a.points[self.pairs[:, 0], 2] > 0]
        X = transform(inverse(T_earlier_later), a.points[pairs[:, 0]].astype(float))
        ahead = X[:, 2] > 0
        z = np.where(ahead, X[:, 2], 1.0)
        u, v = camera.fx * X[:, 0] / z + camera.cx, camera.fy * X[:, 1] / z + camera.cy
        off = np.hypot(*(np.stack([u, v], 1) - b.pixels[pairs[:, 1]]).T)
        return int((ahead & (off <= PIXELS / smallness(camera.width, camera.height))).sum())

    def _is_borne_out(self, T_earlier_later: np.ndarray, maps: MapCache) -> bool:
        """Whether next to nothing hangs where the other view looked through, either way: what a
        body's own motion does to the room behind it."""
        there = conflict_of(self.earlier.id, self.later.id, inverse(T_earlier_later), maps)
        return there is not None and there.free_space <= FITS

    def _refined(
        self, T_earlier_later: np.ndarray, maps: MapCache, config: AlignmentConfig
    ) -> Iterator[np.ndarray]:
        """On the surfaces, which keep matches of a single wall from tilting; and as it is."""
        a, b = maps.pyramid(self.earlier.id), maps.pyramid(self.later.id)
        yield rigid_part(align(a, b, T_earlier_later, config).S_reference_source)
        yield T_earlier_later

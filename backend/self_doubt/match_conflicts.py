"""Do features that were matched agree with the step between keyframes that follow each other?

On walls and floors surfaces agree with any slide along them; what is painted there does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
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
    """Of keyframes i < j: matches of features that agree on another step than the map's, of which
    agreeing agree with the map's too. fit: where they put keyframe j."""

    i: int
    j: int
    matches: int
    agreeing: int
    fit: Misplacement


def match_conflicts(
    keyframes: Sequence[Keyframe],
    poses: Mapping[int, np.ndarray],
    maps: MapCache,
    matcher: FeatureMatcher,
    config: AlignmentConfig,
) -> list[MatchConflict]:
    """Of the steps between the keyframes, metric ones, in order. poses: S_world_keyframe.

    Matches count where the surfaces bear them out as well: those of a body that moved do not move
    the room, and a pattern that repeats itself fits in one place alone.
    """
    found = []
    for previous, new in itertools.pairwise(k for k in keyframes if k.id in poses):
        pairs = matcher.match(previous.features, new.features)
        matched = pose_from_matches(previous.features, new.features, pairs, new.intrinsics)
        if matched is None or matched.inliers < MIN_MATCHES:
            continue
        step = _Step(previous, new, pairs)
        T_map = rigid_part(inverse(rigid_part(poses[previous.id])) @ rigid_part(poses[new.id]))
        agreeing = step.agreeing(T_map)
        if agreeing > FEW * matched.inliers:
            continue
        for T in _poses_of_matches(step, matched.T_a_b, maps, config):
            if step.agreeing(T) >= MOST * matched.inliers and step.is_borne_out(T, maps):
                fit = misplacement(T_map, T)
                if fit.shows:
                    ids = previous.id, new.id
                    found.append(MatchConflict(*ids, matched.inliers, agreeing, fit))
                break
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """pairs: (M, 2), matched features of the one keyframe and the next."""

    previous: Keyframe
    new: Keyframe
    pairs: np.ndarray

    def agreeing(self, T_previous_new: np.ndarray) -> int:
        """How many matches fit there."""
        a, b, camera = self.previous.features, self.new.features, self.new.intrinsics
        pairs = self.pairs[a.points[self.pairs[:, 0], 2] > 0]
        X = transform(inverse(T_previous_new), a.points[pairs[:, 0]].astype(float))
        ahead = X[:, 2] > 0
        z = np.where(ahead, X[:, 2], 1.0)
        u, v = camera.fx * X[:, 0] / z + camera.cx, camera.fy * X[:, 1] / z + camera.cy
        off = np.hypot(*(np.stack([u, v], 1) - b.pixels[pairs[:, 1]]).T)
        return int((ahead & (off <= PIXELS / smallness(camera.width, camera.height))).sum())

    def is_borne_out(self, T_previous_new: np.ndarray, maps: MapCache) -> bool:
        """Whether next to nothing hangs where the other view looked through, either way: what a
        body's own motion does to the room behind it."""
        there = conflict_of(self.previous.id, self.new.id, inverse(T_previous_new), maps)
        return there is not None and there.free_space <= FITS


def _poses_of_matches(
    step: _Step, T_previous_new: np.ndarray, maps: MapCache, config: AlignmentConfig
) -> Iterator[np.ndarray]:
    """Refined on the surfaces, which keep matches of a single wall from tilting; and as it is."""
    a, b = maps.pyramid(step.previous.id), maps.pyramid(step.new.id)
    yield rigid_part(align(a, b, T_previous_new, config).S_reference_source)
    yield T_previous_new

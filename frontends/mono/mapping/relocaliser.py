"""Finds where a lost camera is, among the keyframes of its map whose images are kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.frontends.mono.mapping.following import Follower, Placed
from mapper.frontends.mono.mapping.keyframe_features import (
    MIN_CELLS,
    MIN_POINTS,
    KeyframeFeatures,
    covered,
)
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.tracking.levels import Levels
from mapper.vision.local_features import LocalFeatures

if TYPE_CHECKING:
    from jaxtyping import Int64

logger = logging.getLogger(__name__)

CANDIDATES: Final = 5  # keyframes that look alike
NEW_AT_ONCE: Final = 20  # keyframes whose features are looked for at one frame
MIN_FEATURES: Final = 50  # of an image; with fewer it shows next to nothing
# Between the places that two keyframes tell, where there is no doubt:
MAX_SHIFT: Final = 0.05  # of the points' depth
MAX_TURN: Final = 0.05  # radians


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """placed: the image. depth: of the points that it shows, their median. around: their ids."""

    placed: Placed
    depth: float
    around: Int64[np.ndarray, " n"]
    frame_index: int


class Relocaliser:
    """Keyframes of one map, by their features; those are looked for once a camera is lost."""

    def __init__(self, follower: Follower, features: KeyframeFeatures) -> None:
        self._follower, self._features = follower, features

    def locate(self, local_map: LocalMap, levels: Levels, time: float) -> Placed | None:
        """The image where it looks like a known place, or None.

        Features say where to look; the patches of the points there must show where they should,
        all over the image, and all places that pass must be one. The map then looks around there.
        time: seconds, of the image.
        """
        self._features.look_at_more(local_map, NEW_AT_ONCE)
        seen = self._features.extract(levels.grey).within(levels.used)
        if len(seen) < MIN_FEATURES:
            return None
        before, found = local_map.active, []
        for number in self._features.alike(seen, CANDIDATES):
            tried = self._try(local_map, levels, seen, number, time)
            found += [] if tried is None else [tried]
        if not found or not all(_agree(found[0], other) for other in found[1:]):
            local_map.active = before
            return None
        local_map.look_around(found[0].around, recent=False)
        logger.info(
            "relocalised by frame %d: %d points", found[0].frame_index, len(found[0].around)
        )
        return found[0].placed

    def _try(
        self,
        local_map: LocalMap,
        levels: Levels,
        seen: LocalFeatures,
        number: int,
        time: float,
    ) -> _Found | None:
        """The image where its matches with one keyframe put it, if the patches there agree."""
        keyframe = local_map.keyframes[number]
        T = self._features.placed_by(local_map, number, seen)
        if T is None:
            return None
        ids = keyframe.ids[local_map.points.state[keyframe.ids] == POINT]
        local_map.look_around(ids, recent=False)
        none = np.zeros(0, np.int64), np.zeros((0, 2))
        placed = self._follower.place(local_map, levels, T, *none, time)
        if not isinstance(placed, Placed) or len(placed.ids) < MIN_POINTS:
            return None
        if covered(local_map.lens, placed.pixels) < MIN_CELLS:
            return None
        depths = local_map.points.places[placed.ids] @ placed.T[2, :3] + placed.T[2, 3]
        return _Found(placed, float(np.median(depths)), placed.ids, keyframe.frame_index)


def _agree(a: _Found, b: _Found) -> bool:
    """Whether two places are one."""
    square = [np.vstack([found.placed.T, [0.0, 0.0, 0.0, 1.0]]) for found in (a, b)]
    T_a_b = square[0] @ inverse(square[1])
    shift = float(np.linalg.norm(T_a_b[:3, 3]))
    return shift <= MAX_SHIFT * a.depth and rotation_angle(T_a_b[:3, :3]) <= MAX_TURN

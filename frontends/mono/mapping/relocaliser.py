"""Finds where a lost camera is, among the keyframes of its map whose images are kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.mapping.following import Follower, Placed
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.tracking.levels import Levels
from mapper.vision.local_features import LocalFeatures, is_recognised, pose_from_matches
from mapper.vision.matching import FeatureMatcher
from mapper.vision.place_index import PlaceIndex

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, UInt8

logger = logging.getLogger(__name__)

CANDIDATES: Final = 5  # keyframes that look alike
NEW_AT_ONCE: Final = 20  # keyframes whose features are looked for at one frame
MIN_FEATURES: Final = 50  # of an image; with fewer it shows next to nothing
NEAR: Final = (
    8.0  # pixels of an image 640 wide: as far a feature may be from the point it is put at
)
WIDTH: Final = 640
MIN_MATCHES: Final = 15  # that agree with a pose
MIN_POINTS: Final = 40  # whose patches then show where they should
CELLS: Final = (8, 6)  # of the image, across and down
# With such a point: what covers less may be one thing, seen elsewhere, and places badly. In the
# sample room 14 cells were off by a tenth of the distance, 18 and more by a hundredth.
MIN_CELLS: Final = 16
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

    def __init__(self, follower: Follower, matcher: FeatureMatcher) -> None:
        self._follower, self._matcher = follower, matcher
        self._features: dict[int, LocalFeatures] = {}  # by keyframe
        self._index = PlaceIndex()

    def locate(self, local_map: LocalMap, levels: Levels, time: float) -> Placed | None:
        """The image where it looks like a known place, or None.

        Features say where to look; the patches of the points there must show where they should,
        all over the image, and all places that pass must be one. The map then looks around there.
        time: seconds, of the image.
        """
        self._look_at_more(local_map)
        seen = self._extract(levels.grey).within(levels.used)
        if len(seen) < MIN_FEATURES:
            return None
        before, found = local_map.active, []
        for number, _ in self._index.query(seen.descriptors, CANDIDATES):
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

    def _look_at_more(self, local_map: LocalMap) -> None:
        """Keyframes that have an image and whose features are not known; the newest first."""
        store = local_map.keyframes
        for number in [n for n in self._features if not store.has_image(n)]:
            self._index.remove(number, self._features.pop(number).descriptors)
        new = [n for n in range(len(store)) if store.has_image(n) and n not in self._features]
        for number in new[::-1][:NEW_AT_ONCE]:
            self._features[number] = self._extract(store.grey(number))
            self._index.add(number, self._features[number].descriptors)

    def _extract(self, grey: UInt8[np.ndarray, "h w"]) -> LocalFeatures:
        """Without points: their depth is not known yet, or better later."""
        nowhere = np.zeros((*grey.shape, 3), np.float32)
        return self._matcher.extract(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), nowhere)

    def _try(
        self,
        local_map: LocalMap,
        levels: Levels,
        seen: LocalFeatures,
        number: int,
        time: float,
    ) -> _Found | None:
        """The image where its matches with one keyframe put it, if the patches there agree."""
        lens, keyframe = local_map.lens, local_map.keyframes[number]
        ids = keyframe.ids[local_map.points.state[keyframe.ids] == POINT]
        known = _with_points(local_map, number, self._features[number])
        straight = replace(seen, pixels=_undistorted(lens, seen.pixels))
        pairs = self._matcher.match(known, straight)
        matched = pose_from_matches(known, straight, pairs, lens.pinhole, MIN_MATCHES)
        if matched is None or not is_recognised(
            matched.T_a_b, matched.inliers, known, lens.pinhole
        ):
            return None
        local_map.look_around(ids, recent=False)
        T = inverse(matched.T_a_b)[:3] @ np.vstack([keyframe.T, [0.0, 0.0, 0.0, 1.0]])
        none = np.zeros(0, np.int64), np.zeros((0, 2))
        placed = self._follower.place(local_map, levels, T, *none, time)
        if not isinstance(placed, Placed) or len(placed.ids) < MIN_POINTS:
            return None
        if _covered(lens, placed.pixels) < MIN_CELLS:
            return None
        depths = local_map.points.places[placed.ids] @ placed.T[2, :3] + placed.T[2, 3]
        return _Found(placed, float(np.median(depths)), placed.ids, keyframe.frame_index)


def _with_points(local_map: LocalMap, number: int, features: LocalFeatures) -> LocalFeatures:
    """Features of a keyframe, each as deep as the point next to it; nowhere without one near."""
    keyframe, lens = local_map.keyframes[number], local_map.lens
    is_point = local_map.points.state[keyframe.ids] == POINT
    places = local_map.points.places[keyframe.ids[is_point]]
    depths = places @ keyframe.T[2, :3] + keyframe.T[2, 3]
    points = np.zeros((len(features), 3), np.float32)
    if len(places) and len(features):
        off = features.pixels[:, None].astype(float) - keyframe.pixels[is_point][None]
        squares = (off**2).sum(2)
        nearest = squares.argmin(1)
        reach = NEAR * min(1.0, lens.width / WIDTH)
        near = squares[np.arange(len(features)), nearest] < reach**2
        z = np.where(near, depths[nearest], 0.0)
        points = np.column_stack([lens.rays(features.pixels), np.ones(len(z))]) * z[:, None]
    return replace(
        features, pixels=_undistorted(lens, features.pixels), points=points.astype(np.float32)
    )


def _undistorted(lens: Lens, pixels: np.ndarray) -> np.ndarray:
    """Where the pinhole sees what the lens sees at pixels (N, 2); float32."""
    straight = lens.rays(pixels) * [lens.fx, lens.fy] + [lens.cx, lens.cy]
    return np.asarray(straight, np.float32)


def _covered(lens: Lens, pixels: Float64[np.ndarray, "n 2"]) -> int:
    """In how many cells of the image there is one of the pixels (N, 2)."""
    across, down = CELLS
    cells = (pixels / [lens.width, lens.height] * [across, down]).astype(int)
    cells = np.clip(cells, 0, [across - 1, down - 1])
    return len(np.unique(cells[:, 1] * across + cells[:, 0]))


def _agree(a: _Found, b: _Found) -> bool:
    """Whether two places are one."""
    square = [np.vstack([found.placed.T, [0.0, 0.0, 0.0, 1.0]]) for found in (a, b)]
    T_a_b = square[0] @ inverse(square[1])
    shift = float(np.linalg.norm(T_a_b[:3, 3]))
    return shift <= MAX_SHIFT * a.depth and rotation_angle(T_a_b[:3, :3]) <= MAX_TURN

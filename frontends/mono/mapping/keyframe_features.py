"""Local features of a map's keyframes: what looks alike, and where one is by what both show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.vision.local_features import LocalFeatures, is_recognised, pose_from_matches
from mapper.vision.matching import FeatureMatcher
from mapper.vision.place_index import PlaceIndex

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

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


class KeyframeFeatures:
    """Features are looked for once they are asked for, and kept as long as the image is."""

    def __init__(self, matcher: FeatureMatcher) -> None:
        self._matcher = matcher
        self._features: dict[int, LocalFeatures] = {}  # by keyframe
        self._index = PlaceIndex()

    def look_at_more(self, local_map: LocalMap, most: int, every: int = 1) -> None:
        """Keyframes that have an image and whose features are not known; the newest first.

        every: one of so many, by their numbers.
        """
        store = local_map.keyframes
        for number in [n for n in self._features if not store.has_image(n)]:
            self._index.remove(number, self._features.pop(number).descriptors)
        numbers = range(0, len(store), every)
        new = [n for n in numbers if store.has_image(n) and n not in self._features]
        for number in new[::-1][:most]:
            self._features[number] = self.extract(store.grey(number))
            self._index.add(number, self._features[number].descriptors)

    def extract(self, grey: UInt8[np.ndarray, "h w"]) -> LocalFeatures:
        """Without points: their depth is not known yet, or better later."""
        nowhere = np.zeros((*grey.shape, 3), np.float32)
        return self._matcher.extract(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), nowhere)

    def __getitem__(self, number: int) -> LocalFeatures:
        return self._features[number]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(sorted(self._features))

    def alike(self, seen: LocalFeatures, count: int) -> list[int]:
        """Keyframes that share most with features; the best first."""
        return [number for number, _ in self._index.query(seen.descriptors, count)]

    def placed_by(
        self, local_map: LocalMap, number: int, seen: LocalFeatures
    ) -> Float64[np.ndarray, "3 4"] | None:
        """T_camera_world (3, 4) of an image with such features by what a keyframe shows too, or
        None."""
        lens, keyframe = local_map.lens, local_map.keyframes[number]
        known = _with_points(local_map, number, self._features[number])
        straight = replace(seen, pixels=_undistorted(lens, seen.pixels))
        pairs = self._matcher.match(known, straight)
        matched = pose_from_matches(known, straight, pairs, lens.pinhole, MIN_MATCHES)
        if matched is None or not is_recognised(
            matched.T_a_b, matched.inliers, known, lens.pinhole
        ):
            return None
        T_keyframe_world = np.vstack([keyframe.T, [0.0, 0.0, 0.0, 1.0]])
        return np.asarray(inverse(matched.T_a_b)[:3] @ T_keyframe_world)


def covered(lens: Lens, pixels: Float64[np.ndarray, "n 2"]) -> int:
    """In how many cells of the image there is one of the pixels (N, 2)."""
    across, down = CELLS
    cells = (pixels / [lens.width, lens.height] * [across, down]).astype(int)
    cells = np.clip(cells, 0, [across - 1, down - 1])
    return len(np.unique(cells[:, 1] * across + cells[:, 0]))


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

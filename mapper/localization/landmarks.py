"""The keyframes of a saved map as images are compared with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.global_map import GlobalMap, MapOf
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.depth_noise import DepthNoise
from mapper.core.geometry import backproject, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import rigid_part, scale_of
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import LocalFeatures, lifted
from mapper.vision.matching import FeatureMatcher
from mapper.vision.place_index import PlaceIndex

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

KEPT: Final = 64  # views in memory: 3 MB each at 640x480
SAME_WAY: Final = 0.5  # cosine between optical axes: 60 degrees


@dataclass(frozen=True, slots=True)
class Landmark:
    """A keyframe in the map's units. T_world_camera: (4, 4). depth: float32 (H, W), as it is fused,
    0 = none. features: their points are in the camera, by that depth."""

    id: int
    T_world_camera: Float64[np.ndarray, "4 4"]
    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    intrinsics: Intrinsics
    noise: DepthNoise
    features: LocalFeatures

    @property
    def points(self) -> Float64[np.ndarray, "n 3"]:
        """Of its features, in the world; without meaning where a feature has no depth."""
        return transform(self.T_world_camera, self.features.points.astype(np.float64))


class Landmarks:
    """Keyframes found by what they look like, and read when they are needed.

    A map of ten thousand keyframes is no larger in memory than its features.
    """

    def __init__(self, saved: GlobalMap, map_of: MapOf, matcher: FeatureMatcher) -> None:
        """map_of: the keyframes' maps as they are fused. matcher: features that it did not make are
        made anew, which takes a look at every image."""
        self.matcher = matcher
        self.is_metric = saved.is_metric or all(k.is_metric for k in saved.keyframes)
        self._map_of, self._poses = map_of, saved.fused_poses
        self._keyframes = {k.id: k for k in saved.keyframes if k.id in self._poses}
        self._places = PlaceIndex()
        self.view: Callable[[int], Landmark] = lru_cache(KEPT)(self._view)
        self.pyramid: Callable[[int], DepthPyramid] = lru_cache(KEPT)(self._pyramid)
        for keyframe in self._keyframes.values():
            self._places.add(keyframe.id, self._features(keyframe).descriptors)

    @property
    def ids(self) -> tuple[int, ...]:
        """Of all keyframes, in the order of time."""
        return tuple(self._keyframes)

    def pose(self, keyframe_id: int) -> np.ndarray:
        """T_world_camera (4, 4) of a keyframe."""
        return rigid_part(self._poses[keyframe_id])

    def alike(self, features: LocalFeatures, count: int) -> list[int]:
        """The keyframes that look most like a view, best first."""
        return [k for k, _ in self._places.query(features.descriptors, count)]

    def around(
        self, T_world_camera: Float64[np.ndarray, "4 4"], reach: float, count: int
    ) -> list[int]:
        """The keyframes nearest to a pose that look the same way, nearest first. reach: units."""
        ids = np.array(self.ids)
        poses = np.array([self.pose(k) for k in self.ids])
        away = np.linalg.norm(poses[:, :3, 3] - T_world_camera[:3, 3], axis=1)
        cosine = poses[:, :3, 2] @ T_world_camera[:3, 2]
        near = np.flatnonzero((away <= reach) & (cosine >= SAME_WAY))
        worth = away[near] / reach + 1.0 - cosine[near]
        return [int(k) for k in ids[near[np.argsort(worth, kind="stable")][:count]]]

    def _features(self, keyframe: Keyframe) -> LocalFeatures:
        if self.matcher.made(keyframe.features):
            return keyframe.features
        source = self._map_of(keyframe.id)
        return self.matcher.extract(source.image, backproject(source.depth, source.intrinsics))

    def _view(self, keyframe_id: int) -> Landmark:
        source, S = self._map_of(keyframe_id), self._poses[keyframe_id]
        depth = source.depth * np.float32(scale_of(S))
        features = self._features(self._keyframes[keyframe_id])
        points = backproject(depth, source.intrinsics)
        return Landmark(
            keyframe_id,
            rigid_part(S),
            source.image,
            depth,
            source.intrinsics,
            source.noise,
            lifted(features.pixels, features.descriptors, points),
        )

    def _pyramid(self, keyframe_id: int) -> DepthPyramid:
        view = self.view(keyframe_id)
        return build_pyramid(view.depth, view.image, view.intrinsics, view.noise)

"""A frame as the tracker uses it: geometry for dense alignment, features on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.errors import InputError
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import LocalFeatures, MatchedPose, pose_from_matches
from mapper.vision.matching import FeatureMatcher

# Metres. Until NEAR every reading counts, by its noise; beyond it one that deviates by no more than
# that of a structured-light camera there.
NEAR: Final = 8.0
FAR: Final = STRUCTURED_LIGHT.sigma(NEAR)


@dataclass(frozen=True)
class View:
    """A frame with depth: image uint8 (H, W, 3), depth float32 (H, W) in metres, 0 = none.

    noise: of the depth; a structured-light camera's where nobody knows it. mask: False = no
    features there; there is no depth either.
    """

    frame_index: int
    timestamp: float
    image: np.ndarray
    depth: np.ndarray
    intrinsics: Intrinsics
    matcher: FeatureMatcher = field(repr=False)
    noise: DepthNoise = STRUCTURED_LIGHT
    mask: np.ndarray | None = None

    @classmethod
    def of(cls, frame: Frame, matcher: FeatureMatcher, max_depth: float = 0.0) -> View:
        """max_depth: metres; as far as that readings count however noisy."""
        if frame.depth is None:
            raise InputError(
                f"frame {frame.index} has no depth: the frontend rgbd needs a depth camera"
            )
        if frame.intrinsics is None:
            raise InputError("the camera's intrinsics are unknown: give them with --calib FILE")
        noise = frame.noise or STRUCTURED_LIGHT
        reach = max(NEAR, max_depth, noise.depth_at(FAR))
        depth = np.where(frame.depth <= reach, frame.depth, np.float32(0))
        return cls(
            frame.index,
            frame.timestamp,
            frame.image,
            depth,
            frame.intrinsics,
            matcher,
            noise,
            frame.mask,
        )

    def has_depth(self, min_ratio: float) -> bool:
        """Whether at least this share of the pixels has a reading."""
        sparse = self.depth[::4, ::4]
        return bool(np.count_nonzero(sparse) / sparse.size >= min_ratio)

    @cached_property
    def pyramid(self) -> DepthPyramid:
        """For dense alignment, made when first asked for."""
        return build_pyramid(self.depth, self.image, self.intrinsics, self.noise)

    @cached_property
    def pointmap(self) -> np.ndarray:
        """float32 (H, W, 3), camera frame."""
        return backproject(self.depth, self.intrinsics)

    @cached_property
    def features(self) -> LocalFeatures:
        """For relocalisation, extracted when first asked for."""
        return self.matcher.extract(self.image, self.pointmap).within(self.mask)

    def pose_among(self, earlier: LocalFeatures, min_inliers: int = 12) -> MatchedPose | None:
        """T_earlier_camera of this view by the features that it shares with an earlier one's."""
        pairs = self.matcher.match(earlier, self.features)
        return pose_from_matches(earlier, self.features, pairs, self.intrinsics, min_inliers)


@dataclass(frozen=True, slots=True)
class PlacedView:
    """A view and where its camera is: T_world_camera float64 (4, 4), and how surely.

    light: correlation of its details with the reference's. leaves_out: it was placed without
    something that moves by itself. values: of the alignment that placed it, worth a plot.
    """

    view: View
    T_world_camera: np.ndarray
    uncertainty: PoseUncertainty
    values: dict[str, float] = field(default_factory=dict)
    light: float = 1.0
    leaves_out: bool = False


def known(view: View) -> PoseUncertainty:
    """Of a view that is its own reference."""
    return PoseUncertainty(view.frame_index, np.zeros((6, 6)))

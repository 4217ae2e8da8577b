"""An image with depth up to a factor of its own, as it is placed among others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import LocalFeatures
from mapper.vision.matching import FeatureMatcher

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

NOMINAL_DEPTH: Final = 2.0  # half of a view lies nearer: limits in units then mean the same in all


@dataclass(frozen=True)
class FreeView:
    """image: uint8 (h, w, 3). depth: float32 (h, w), in units of its own, 0 = none."""

    frame_index: int
    timestamp: float
    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    camera: Intrinsics
    matcher: FeatureMatcher

    @cached_property
    def pyramid(self) -> DepthPyramid:
        """For dense alignment."""
        return build_pyramid(self.depth, self.image, self.camera, LEARNED)

    @cached_property
    def features(self) -> LocalFeatures:
        """With their points, in the view's own units."""
        return self.matcher.extract(self.image, backproject(self.depth, self.camera))


@dataclass(frozen=True, slots=True)
class PlacedFreeView:
    """S_world_view: (4, 4), whose scale brings the view's own units into the world's."""

    view: FreeView
    S_world_view: Float64[np.ndarray, "4 4"]


def nominal(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The depth in units of which half of the view lies nearer than NOMINAL_DEPTH."""
    known = depth[depth > 0]
    if not len(known):
        return depth
    return depth * np.float32(NOMINAL_DEPTH / np.median(known))

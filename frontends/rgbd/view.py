"""A frame as the tracker uses it: geometry for dense alignment, features on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import FeatureExtractor, LocalFeatures


@dataclass
class View:
    """A frame with depth. T_world_camera is set once the frame has been placed."""

    frame_index: int
    image: np.ndarray
    depth: np.ndarray
    intrinsics: Intrinsics
    extractor: FeatureExtractor = field(repr=False)
    T_world_camera: np.ndarray = field(default_factory=lambda: np.eye(4))

    @classmethod
    def of(cls, frame: Frame, extractor: FeatureExtractor) -> View:
        """The view of a frame with depth and intrinsics."""
        assert frame.depth is not None and frame.intrinsics is not None
        return cls(frame.index, frame.image, frame.depth, frame.intrinsics, extractor)

    @cached_property
    def pyramid(self) -> DepthPyramid:
        """For dense alignment, made when first asked for."""
        return build_pyramid(self.depth, self.image, self.intrinsics)

    @cached_property
    def pointmap(self) -> np.ndarray:
        """float32 (H, W, 3), camera frame."""
        return backproject(self.depth, self.intrinsics)

    @cached_property
    def features(self) -> LocalFeatures:
        """For relocalisation, extracted when first asked for."""
        return self.extractor(self.image, self.pointmap)

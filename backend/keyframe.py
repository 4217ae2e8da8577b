"""A keyframe: the view that a stretch of frames hangs on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.intrinsics import Intrinsics
from mapper.local_features import LocalFeatures


@dataclass(frozen=True, slots=True)
class HungFrame:
    """A frame placed relative to its keyframe, so that it follows when the graph moves."""

    frame_index: int
    timestamp: float
    T_keyframe_camera: np.ndarray


@dataclass
class Keyframe:
    """T_odometry_keyframe: (4, 4), pose in the frontend's own world of this segment.

    frames: every frame of the stretch, the keyframe itself first. Its depth map is large and
    lives in the MapCache under the keyframe's id.
    """

    id: int
    segment: int
    T_odometry_keyframe: np.ndarray
    features: LocalFeatures
    intrinsics: Intrinsics
    frames: list[HungFrame] = field(default_factory=list)

    @property
    def frame_index(self) -> int:
        return self.frames[0].frame_index

    @property
    def timestamp(self) -> float:
        return self.frames[0].timestamp

"""A keyframe: the view that a stretch of frames hangs on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mapper.intrinsics import Intrinsics
from mapper.local_features import LocalFeatures


@dataclass(frozen=True, slots=True)
class HungFrame:
    """A frame placed relative to its keyframe, so that it follows when the graph moves.

    T_keyframe_camera: (4, 4), in the keyframe's own units.
    """

    frame_index: int
    timestamp: float
    T_keyframe_camera: np.ndarray


@dataclass
class Keyframe:
    """T_odometry_keyframe: (4, 4), pose in the frontend's own world of this segment.

    frames: every frame of the stretch, the keyframe itself first. median_depth: of its points,
    in its own units. descriptor: float32 (d,) of the frontend, for place recognition, or None.
    is_metric: its units are metres; else they are the frontend's times `units`.
    T_previous_keyframe: (4, 4), in the keyframe before, by the frames in between; None where
    those are of another segment. T_odometry_last: (4, 4), of its last frame; None where that is
    the keyframe itself. Its depth map is large and lives in the MapCache under its id.
    """

    id: int
    segment: int
    T_odometry_keyframe: np.ndarray
    features: LocalFeatures
    intrinsics: Intrinsics
    frames: list[HungFrame] = field(default_factory=list)
    median_depth: float = 1.0
    descriptor: np.ndarray | None = None
    is_metric: bool = True
    units: float = 1.0
    T_previous_keyframe: np.ndarray | None = None
    T_odometry_last: np.ndarray | None = None

    @property
    def frame_index(self) -> int:
        return self.frames[0].frame_index

    @property
    def timestamp(self) -> float:
        return self.frames[0].timestamp

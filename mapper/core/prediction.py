"""What a frontend says of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8


@dataclass(frozen=True, slots=True)
class Prediction:
    """Geometry and pose of one frame, in the frontend's own, drifting world.

    pointmap: float32 (h, w, 3), points in the camera frame (OpenCV axes); z = 0 = no point.
    confidence: float32 (h, w), 0 = ignore; larger is better, on a scale of the frontend's own.
    T_world_camera: float64 (4, 4), camera-to-world. is_metric: units are metres.
    image: uint8 (h, w, 3), RGB, at the pointmap's resolution. descriptor: float32 (d,) or None.
    segment: poses and scale are mutually consistent within one segment only.
    noise: of the pointmap along z, where the confidence is good.
    uncertainty: of the pose, where the frontend knows it. is_still: the camera stands where it
    stood when the frame before was taken, which the images tell. shares_camera: nobody knows the
    camera, but that it is the same in all such frames; later ones know it better.
    """

    frame_index: int
    timestamp: float
    pointmap: Float32[np.ndarray, "h w 3"]
    confidence: Float32[np.ndarray, "h w"]
    T_world_camera: Float64[np.ndarray, "4 4"]
    intrinsics: Intrinsics
    image: UInt8[np.ndarray, "h w 3"]
    is_metric: bool
    segment: int = 0
    descriptor: Float32[np.ndarray, " d"] | None = None
    noise: DepthNoise = LEARNED
    uncertainty: PoseUncertainty | None = None
    is_still: bool = False
    shares_camera: bool = False

    @property
    def has_points(self) -> bool:
        """Whether it is more than a pose: some frontends have no depth of most frames."""
        return bool((self.confidence > 0).any())

    @property
    def depth(self) -> Float32[np.ndarray, "h w"]:
        """float32 (h, w): z of the pointmap, 0 = no point."""
        return self.pointmap[..., 2]

"""The depth map of a keyframe, averaged over its tracked frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import (
    AVERAGED,
    NEAREST,
    DepthView,
    camera_of,
    is_inside,
    motion_of,
    moved,
    nearest_pixel,
    within,
)


@dataclass(frozen=True, slots=True, eq=False)
class MovingPixels:
    """What a keyframe saw of things that moved later. pixels: int32 (N,), flat. depth, weight:
    float32 (N,), as its map had them."""

    pixels: np.ndarray
    depth: np.ndarray
    weight: np.ndarray


class KeyframeMap:
    """depth, weight: float32 (H, W), metres along z and summed confidence; image: uint8 (H, W, 3).
    moving: what is known to have moved later, be it still in the depth or not; None = nothing.

    Averaging ten frames into their keyframe costs less than integrating one of them into the
    TSDF, takes out most of the sensor's noise, and leaves a tenth of the views to move when the
    graph moves.
    """

    def __init__(
        self,
        depth: np.ndarray,
        weight: np.ndarray,
        image: np.ndarray,
        intrinsics: Intrinsics,
        noise: DepthNoise = STRUCTURED_LIGHT,
        moving: MovingPixels | None = None,
    ) -> None:
        self.depth = depth
        self.weight = weight
        self.image = image
        self.intrinsics = intrinsics
        self.noise = noise
        self.moving = moving

    @classmethod
    def of(cls, prediction: Prediction) -> KeyframeMap:
        """The map of one prediction; pixels without a depth get no weight."""
        depth = np.where(prediction.depth > 0, prediction.depth, np.float32(0))  # NaN too
        weight = np.where(depth > 0, prediction.confidence, np.float32(0))
        depth = np.where(weight > 0, depth, np.float32(0))
        return cls(depth, weight, prediction.image, prediction.intrinsics, prediction.noise)

    def fuse(
        self, prediction: Prediction, T_keyframe_camera: np.ndarray, scale: float = 1.0
    ) -> None:
        """Average another frame's points into the map where they lie on the same surface.

        scale: what its depths are multiplied by to be in the keyframe's units.
        """
        T_scaled = T_keyframe_camera.copy()
        T_scaled[:3, :3] *= scale
        average_into(
            DepthView(self.depth, self.weight, camera_of(self.intrinsics)),
            prediction.pointmap,
            prediction.confidence,
            motion_of(T_scaled),
            self.noise.coefficients,
        )

    def freeze(self) -> None:
        """No frame will be absorbed any more: round to 14 bits of mantissa.

        That is 0.1 mm at 2 m. It lets the map compress well on disk, and what is read back is
        exactly what was in memory, so that it can be taken out of the TSDF again.
        """
        for array in (self.depth, self.weight):
            bits = array.view(np.uint32)
            np.add(bits, np.uint32(1 << 8), out=bits)
            np.bitwise_and(bits, np.uint32(0xFFFFFE00), out=bits)


@kernel(fastmath=True)
def average_into(view, pointmap, confidence, motion, noise):
    """Project points into the map; average what lies on its surface, fill holes, leave the rest."""
    for row in range(pointmap.shape[0]):
        for column in range(pointmap.shape[1]):
            w_new = confidence[row, column]
            if w_new <= 0:
                continue
            X = moved(motion, pointmap[row, column])
            z = X[2]
            if z <= NEAREST:
                continue
            u, v = nearest_pixel(view.camera, X)
            if not is_inside(view.depth, u, v):
                continue
            w_old = view.weight[v, u]
            z_old = view.depth[v, u]
            if w_old <= 0:
                view.depth[v, u] = z
                view.weight[v, u] = w_new
            elif abs(z - z_old) < within(AVERAGED, z_old, noise):
                view.depth[v, u] = (w_old * z_old + w_new * z) / (w_old + w_new)
                view.weight[v, u] = w_old + w_new

"""The depth map of a keyframe, averaged over the frames that hang on it."""

from __future__ import annotations

import numpy as np
from numba import njit

from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise, depth_sigma
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction


class KeyframeMap:
    """depth, weight: float32 (H, W), metres along z and summed confidence; image: uint8 (H, W, 3).

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
    ) -> None:
        self.depth = depth
        self.weight = weight
        self.image = image
        self.intrinsics = intrinsics
        self.noise = noise

    @classmethod
    def of(cls, prediction: Prediction) -> KeyframeMap:
        """The map of one prediction; pixels without a depth get no weight."""
        depth = np.where(prediction.depth > 0, prediction.depth, np.float32(0))  # NaN too
        weight = np.where(depth > 0, prediction.confidence, np.float32(0))
        depth = np.where(weight > 0, depth, np.float32(0))
        return cls(depth, weight, prediction.image, prediction.intrinsics, prediction.noise)

    def absorb(
        self, prediction: Prediction, T_keyframe_camera: np.ndarray, scale: float = 1.0
    ) -> None:
        """Average another frame's points into the map where they lie on the same surface.

        scale: what its depths are multiplied by to be in the keyframe's units.
        """
        k = self.intrinsics
        average_into(
            self.depth,
            self.weight,
            np.array([k.fx, k.fy, k.cx, k.cy], np.float32),
            prediction.pointmap,
            prediction.confidence,
            (scale * T_keyframe_camera[:3, :3]).astype(np.float32),
            T_keyframe_camera[:3, 3].astype(np.float32),
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


@njit(cache=True, nogil=True, fastmath=True)
def average_into(depth, weight, camera, pointmap, confidence, R, t, noise):
    """Project points into the map; average within 4 sigma, fill holes, leave the rest alone."""
    f32 = np.float32
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    height, width = depth.shape
    for row in range(pointmap.shape[0]):
        for column in range(pointmap.shape[1]):
            w_new = confidence[row, column]
            if w_new <= 0:
                continue
            px, py, pz = (
                pointmap[row, column, 0],
                pointmap[row, column, 1],
                pointmap[row, column, 2],
            )
            z = R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2]
            if z <= f32(0.05):
                continue
            x = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
            y = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
            u = int(fx * x / z + cx + f32(0.5))
            v = int(fy * y / z + cy + f32(0.5))
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            w_old = weight[v, u]
            z_old = depth[v, u]
            if w_old <= 0:
                depth[v, u] = z
                weight[v, u] = w_new
            elif abs(z - z_old) < f32(4) * depth_sigma(z_old, noise) + f32(0.005) * z_old:
                depth[v, u] = (w_old * z_old + w_new * z) / (w_old + w_new)
                weight[v, u] = w_old + w_new

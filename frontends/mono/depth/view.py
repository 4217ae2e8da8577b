"""A keyframe as the plane sweep sees it, and the inverse depths that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.intrinsics import Intrinsics

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class SweptView:
    """T: T_camera_world (3, 4). grey: uint8 (h, w), undistorted; of the camera's size.

    nearest, farthest: units, what its points lie between.
    """

    T: Float64[np.ndarray, "3 4"]
    grey: UInt8[np.ndarray, "h w"]
    camera: Intrinsics
    nearest: float
    farthest: float


@dataclass(frozen=True, slots=True, eq=False)
class RawDepth:
    """inverse: float32 (h, w), 1/units. zncc: float32 (h, w), of its patch with those of the
    neighbours, in the mean; 0 where none sees it."""

    view: SweptView
    inverse: Float32[np.ndarray, "h w"]
    zncc: Float32[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True, eq=False)
class DepthMap:
    """depth: float32 (h, w), units, 0 = none. confidence: float32 (h, w), 0..1."""

    depth: Float32[np.ndarray, "h w"]
    confidence: Float32[np.ndarray, "h w"]

    @property
    def share(self) -> float:
        """Of the pixels that have depth."""
        return float((self.depth > 0).mean())


def between(a: SweptView, b: SweptView) -> tuple[np.ndarray, np.ndarray]:
    """M (3, 3), m (3,): a pixel p of view a at inverse depth d is seen by b at M p + d m.

    Both homogeneous, p with a last 1.
    """
    R = b.T[:, :3] @ a.T[:, :3].T
    t = b.T[:, 3] - R @ a.T[:, 3]
    K = b.camera.matrix
    return K @ R @ np.linalg.inv(a.camera.matrix), K @ t

"""One moment of a sequence, as every frontend receives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.depth_noise import DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, UInt8


@dataclass(frozen=True, slots=True)
class Frame:
    """An undistorted image, with depth registered to it where the sequence has depth.

    index: position in the sequence, from 0. timestamp: seconds.
    image: uint8 (H, W, 3), RGB. depth: float32 (H, W), metres along z, 0 = no reading; or None.
    intrinsics: of the image (and of the depth); None where nobody knows them.
    noise: of the depth; None where nobody knows the camera.
    exif_focal: focal length as EXIF gives it, as a share of the image's longer side: good to a few
    per cent, a start for whoever looks for the camera and no camera by itself. None = not told.
    mask: False = do not use: there is no depth, and predictions have no points there. The image
    stays as it was taken. None = all of it is to be used.
    """

    index: int
    timestamp: float
    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"] | None = None
    intrinsics: Intrinsics | None = None
    noise: DepthNoise | None = None
    exif_focal: float | None = None
    mask: Bool[np.ndarray, "h w"] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise InputError(
                f"frame {self.index}: image is {self.image.dtype} {self.image.shape}, "
                "expected uint8 (H, W, 3), RGB"
            )
        if self.depth is not None and self.depth.shape != self.image.shape[:2]:
            raise InputError(
                f"frame {self.index}: depth {self.depth.shape} and image {self.image.shape[:2]} "
                "differ in size; register depth to colour first"
            )
        if self.mask is not None and self.mask.shape != self.image.shape[:2]:
            raise InputError(
                f"frame {self.index}: mask {self.mask.shape} and image {self.image.shape[:2]} "
                "differ in size"
            )

    def masked(self, mask: Bool[np.ndarray, "h w"]) -> Frame:
        """With a mask, and without depth where it is False."""
        depth = self.depth
        if depth is not None:
            depth = np.where(mask, depth, np.float32(0))
        return replace(self, mask=mask, depth=depth)

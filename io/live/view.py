"""Turns what a live camera saw into frames of one size, undistorted."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig, is_one_shape
from mapper.io.live.source import LiveImage


class LiveView:
    """The size of all frames is the calibration's, else that of the first image.

    An image of the same shape but another size is resized, so that the intrinsics hold. One of
    another shape was cropped nobody knows how and is refused.
    """

    def __init__(self, calibration: Calibration | None) -> None:
        self._calibration = calibration
        self._rig: Rig | None = None

    @property
    def intrinsics(self) -> Intrinsics | None:
        """Of the frames; None where nobody knows them."""
        return None if self._calibration is None else self._rig_of(None).intrinsics

    @property
    def frame_calibration(self) -> Calibration | None:
        """That of the frames, which are undistorted and registered."""
        intrinsics = self.intrinsics
        return None if intrinsics is None else Calibration(Camera(intrinsics))

    def frame(self, index: int, seen: LiveImage) -> Frame:
        """Raises InputError where the image's shape does not fit."""
        rig = self._rig_of(seen.image)
        image = _fitted(seen.image, rig.color_size)
        if seen.depth is None:
            return Frame(index, seen.timestamp, rig.color_only(image), None, rig.intrinsics)
        seen_depth = rig.fitted(seen.depth)
        height, width = seen_depth.shape
        if (width, height) != rig.depth_size:
            raise InputError(
                f"depth of {width}x{height} pixels, but the calibration says "
                f"{rig.depth_size[0]}x{rig.depth_size[1]}; calibrate at the size that is used"
            )
        image, depth = rig.register(image, seen_depth)
        return Frame(index, seen.timestamp, image, depth, rig.intrinsics)

    def _rig_of(self, first: np.ndarray | None) -> Rig:
        if self._rig is None:
            size = (0, 0) if first is None else (first.shape[1], first.shape[0])
            self._rig = Rig(self._calibration, "auto", size)
        return self._rig


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image at (width, height)."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    if not is_one_shape((width, height), size):
        raise InputError(
            f"image of {width}x{height} pixels where {size[0]}x{size[1]} was expected; set the "
            "camera to that shape, or calibrate and start again"
        )
    smaller = width > size[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)

"""Depth of a sensor with fewer pixels than the colour image beside it, at the image's size."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.rig import is_one_shape

ONE_SURFACE: Final = 0.05  # of the depth: between neighbours that are more apart runs an edge
WORKING_SIDE: Final = 640  # pixels, of images whose depth is smaller


def confident(depth: np.ndarray, confidence: np.ndarray, what: str) -> np.ndarray:
    """Depth float32 (h, w) without the readings that the sensor itself doubts: confidence 0.

    confidence: (h, w) of whole numbers: 0 low, then medium and high, as ARKit tells it (0, 1, 2) or
    spread over 8 bits.
    """
    if confidence.shape != depth.shape:
        raise InputError(
            f"{what}: confidence of {_size(confidence)} for depth of {_size(depth)}; remove the "
            "folder of confidences, or copy it again"
        )
    return np.where(confidence > 0, depth, np.float32(0.0))


def depth_at_size(depth: np.ndarray, size: tuple[int, int], what: str) -> np.ndarray:
    """float32 (height, width) of the same view. size: (width, height).

    On a surface it is interpolated, or its steps would be taken for its shape; across an edge, and
    beside a pixel without a reading, the nearest reading is taken. InputError names `what` where
    the depth has another shape than the image.
    """
    height, width = depth.shape
    if (width, height) == size:
        return depth
    if 0 in (width, height) or not is_one_shape((width, height), size):
        raise InputError(
            f"{what}: depth of {width}x{height} for an image of {size[0]}x{size[1]}: that is "
            "another view; give a calibration with both cameras by --calib"
        )
    nearest = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    if width >= size[0]:
        return nearest
    lowest = cv2.erode(depth, np.ones((3, 3), np.uint8))
    highest = cv2.dilate(depth, np.ones((3, 3), np.uint8))
    is_surface = (lowest > 0) & (highest - lowest < ONE_SURFACE * lowest)
    smooth = cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR)
    kept = cv2.resize(is_surface.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.where(kept > 0, smooth, nearest)


def working_side(color_side: int, depth_side: int) -> int | None:
    """The longer side to work at, pixels; None = as large as the images are.

    Larger images would have more pixels and no more depth.
    """
    return None if depth_side >= color_side else max(depth_side, min(WORKING_SIDE, color_side))


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"

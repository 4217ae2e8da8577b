"""The image that a network of features is shown: neither small nor large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.vision.image_sizes import smallness

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

STRIDE: Final = 32  # its sides are multiples of it
MAX_PIXELS: Final = 640 * 480  # larger images are reduced


def shown_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the image that is shown, of an image of that size."""
    scale = smallness(width, height) * min(1.0, np.sqrt(MAX_PIXELS / (height * width)))
    rows, columns = (max(STRIDE, int(scale * side) // STRIDE * STRIDE) for side in (height, width))
    return rows, columns


def shown(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """The image in the size in which it is shown."""
    height, width = image.shape[:2]
    rows, columns = shown_size(height, width)
    if (rows, columns) == (height, width):
        return image
    smaller = rows * columns < height * width
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=how), np.uint8)


def placed(pixels: Float[np.ndarray, "n 2"], height: int, width: int) -> Float32[np.ndarray, "n 2"]:
    """Pixels (N, 2), u v, of an image of that size from those of the image that was shown."""
    rows, columns = shown_size(height, width)
    share = np.array([width / columns, height / rows])
    return ((pixels + 0.5) * share - 0.5).astype(np.float32)

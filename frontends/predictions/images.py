"""Images as models save them: channels first or last, bytes or shares of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.exr import MAGIC, read_exr_depth
from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped, UInt8

WHITE = 255.0


def as_rgb(image: Shaped[np.ndarray, ...], what: str) -> UInt8[np.ndarray, "h w 3"]:
    """From (3, H, W) or (H, W, 3); numbers up to one are shares of it."""
    if image.ndim == 3 and image.shape[0] == 3 and image.shape[2] != 3:
        image = np.moveaxis(image, 0, 2)
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"{what} is {image.shape}, expected (3, H, W) or (H, W, 3)")
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if image.dtype.kind != "f" or not np.isfinite(image).all():
        raise InputError(f"{what} is {image.dtype} or not finite; expected bytes, or 0 to 1")
    if image.min() < -0.01 or image.max() > 1.01:
        raise InputError(
            f"{what} reaches from {image.min():.3g} to {image.max():.3g}, expected 0 to 1: was it "
            "saved after normalising for a network?"
        )
    return np.clip(np.rint(image * WHITE), 0, WHITE).astype(np.uint8)


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """An image file."""
    image = _decoded(path, cv2.IMREAD_COLOR_RGB)
    return np.ascontiguousarray(image)


def read_depth_image(path: Path) -> Float32[np.ndarray, "h w"]:
    """The numbers of a depth image, PNG or TIFF of one channel, or EXR; of no unit."""
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or type(error).__name__}") from error
    if encoded.startswith(MAGIC):
        return read_exr_depth(encoded, path)
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and (image[..., :1] == image[..., 1:3]).all():
        image = image[..., 0]
    if image.ndim != 2 or image.dtype == np.uint8:
        raise InputError(
            f"{path}: {image.dtype} {image.shape} is a picture of depth; expected 16 bits or "
            "floating-point numbers of one channel, in proportion to the distance"
        )
    return image.astype(np.float32)


def _decoded(path: Path, flag: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flag)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or type(error).__name__}") from error
    except (cv2.error, MemoryError):
        image = None
    if image is None:
        raise InputError(f"{path}: no readable image; copy or save it again")
    return np.asarray(image)

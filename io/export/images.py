"""The pixels of an export: images, masks and depth, written one image at a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.export.scene import ExportedImage, Scene
from mapper.io.georeference.crs import FILE, write_record

JPEG_QUALITY: Final = 95
DEPTH_UNIT: Final = 0.001  # world units of one step of a 16-bit depth image
# Files of an export, which alone may be replaced by another one.
IMAGE_FILES: Final = re.compile(r"images/(.+/)?frame_\d+(_\w+)?\.(jpg|png)")
MASK_FILES: Final = re.compile(r"masks/(.+/)?frame_\d+(_\w+)?\.(jpg|png)\.png")


def write_images(folder: Path, scene: Scene) -> None:
    """Each image under images/NAME and its mask, if it has one, under masks/NAME.png, 0 = not to
    be used; only one is in memory at a time. Where they lie on the Earth, crs.json says so."""
    if scene.place is not None:
        write_record(folder / FILE, scene.place.record(is_local=True))
    for image in scene.images:
        path = _made(folder / "images" / image.name)
        path.write_bytes(_encoded(path.suffix, _checked(image)))
        if image.mask is not None:
            mask = _of_size(image.mask(), image, "mask")
            pixels = np.where(mask, 255, 0).astype(np.uint8)
            _made(folder / mask_name(image)).write_bytes(_encoded(".png", pixels))


def mask_name(image: ExportedImage) -> str:
    """Where the mask of an image lies: COLMAP looks for NAME.png in the folder of masks."""
    return f"masks/{image.name}.png"


def depth_of(image: ExportedImage) -> np.ndarray:
    """float32 (H, W), checked; of an image that has depth."""
    assert image.depth is not None
    return _of_size(image.depth(), image, "depth").astype(np.float32)


def write_depth_png(path: Path, depth: np.ndarray) -> None:
    """16 bits in steps of DEPTH_UNIT; what is farther than they reach is no reading."""
    steps = np.round(depth.astype(np.float64) / DEPTH_UNIT)
    steps[(steps < 0) | (steps > np.iinfo(np.uint16).max)] = 0
    _made(path).write_bytes(_encoded(".png", steps.astype(np.uint16)))


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _encoded(suffix: str, pixels: np.ndarray) -> bytes:
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    return bytes(cv2.imencode(suffix, pixels, options)[1].tobytes())


def _checked(image: ExportedImage) -> np.ndarray:
    pixels = _of_size(image.load(), image, "image")
    if pixels.shape[2:] != (3,) or pixels.dtype != np.uint8:
        raise InputError(f"{image.name}: image is {pixels.dtype} {pixels.shape}, not RGB of uint8")
    return pixels


def _of_size(pixels: np.ndarray, image: ExportedImage, what: str) -> np.ndarray:
    camera: Intrinsics = image.intrinsics
    if pixels.shape[:2] != (camera.height, camera.width):
        raise InputError(
            f"{image.name}: its {what} is {pixels.shape[1]}x{pixels.shape[0]}, but the intrinsics "
            f"are of {camera.width}x{camera.height}; resize one of them"
        )
    return pixels

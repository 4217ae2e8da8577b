"""The images of an export, written one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError

Image = np.ndarray | Callable[[], np.ndarray]  # uint8 (H, W, 3) RGB, or what loads it
SUFFIXES: Final = (".jpg", ".png")
JPEG_QUALITY: Final = 95


def image_names(count: int, suffix: str) -> list[str]:
    """File names whose alphabetical order is that of the images."""
    if suffix not in SUFFIXES:
        raise ConfigError(f"image suffix {suffix!r} is unknown; choose from {', '.join(SUFFIXES)}")
    return [f"frame_{index:06d}{suffix}" for index in range(count)]


def write_images(
    folder: Path, names: list[str], images: Iterable[Image], intrinsics: Intrinsics
) -> None:
    """Write each image under its name; only one is in memory at a time."""
    folder.mkdir()
    remaining = iter(images)
    for number, name in enumerate(names):
        image = next(remaining, None)
        if image is None:
            raise InputError(f"{len(names)} poses but only {number} images; give one for each")
        _write(folder / name, image() if callable(image) else image, intrinsics)
    if next(remaining, None) is not None:
        raise InputError(f"{len(names)} poses but more images; give one for each")


def _write(path: Path, image: np.ndarray, intrinsics: Intrinsics) -> None:
    expected = (intrinsics.height, intrinsics.width, 3)
    if image.shape != expected or image.dtype != np.uint8:
        raise InputError(
            f"{path.name}: image is {image.dtype} {image.shape}, but the intrinsics are of "
            f"uint8 {expected}; resize one of them"
        )
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    path.write_bytes(cv2.imencode(path.suffix, bgr, options)[1].tobytes())

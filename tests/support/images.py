"""Images and depth images whose pixels tell which frame, row and column they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 40, 30


def image_of(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 (H, W, 3), RGB: red tells the frame, green the column, blue the row."""
    rows, columns = np.indices((height, width))
    return np.stack([np.full_like(rows, 10 * index), columns, rows], -1).astype(np.uint8)


def write_image(path: Path, index: int, width: int = WIDTH, height: int = HEIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image_of(index, width, height)[..., ::-1])


def write_depth(path: Path, units: int, width: int = WIDTH, height: int = HEIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width), units, np.uint16))

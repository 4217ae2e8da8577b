"""Corners for new tracks, spread over what has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, UInt8

CELL: Final = 24  # pixels, of an image 640 wide
DISTANCE: Final = 10  # pixels from others, of such an image
BORDER: Final = 8
WIDTH: Final = 640
LEAST: Final = 1.0  # (grey levels per pixel)^2; noise of 2 levels, blurred, makes about 0.1
BLOCK: Final = 5  # pixels a side over which gradients are averaged
# OpenCV sums over the block gradients that are twice as large, over 255 and over the block's side.
UNIT: Final = (255 / 2) ** 2


def strength(grey: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The smaller eigenvalue, (grey levels per pixel)^2, everywhere. Source: Shi and Tomasi."""
    return cv2.cornerMinEigenVal(grey, BLOCK, ksize=3) * np.float32(UNIT)


def cell_size(width: int) -> int:
    """Pixels a side of the cells that hold one corner each."""
    return max(round(CELL * min(1.0, width / WIDTH)), 6)


def new_corners(
    grey: UInt8[np.ndarray, "h w"],
    taken: Float32[np.ndarray, "n 2"],
    most: int,
    used: Bool[np.ndarray, "h w"] | None = None,
) -> Float32[np.ndarray, "m 2"]:
    """Pixels float32 (M, 2), at most one a cell, none near those that are taken (N, 2), and none
    where `used`, if given, is False."""
    height, width = grey.shape
    cell = cell_size(width)
    rows, columns = height // cell, width // cell
    if rows == 0 or columns == 0:
        return np.zeros((0, 2), np.float32)
    score = strength(grey)
    score[:BORDER], score[-BORDER:], score[:, :BORDER], score[:, -BORDER:] = 0, 0, 0, 0
    if used is not None:
        score[~used] = 0
    near = max(round(DISTANCE * min(1.0, width / WIDTH)), 3)
    for u, v in taken.astype(int):
        score[max(v - near, 0) : v + near + 1, max(u - near, 0) : u + near + 1] = 0
    whole = score[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = whole.transpose(0, 2, 1, 3).reshape(rows * columns, cell * cell)
    best = cells.argmax(1)
    scores = cells[np.arange(len(cells)), best]
    if len(taken):
        r = np.clip(taken[:, 1].astype(int) // cell, 0, rows - 1)
        c = np.clip(taken[:, 0].astype(int) // cell, 0, columns - 1)
        scores[r * columns + c] = 0
    chosen = np.flatnonzero(scores > LEAST)
    if len(chosen) > most:
        chosen = np.sort(chosen[np.argsort(-scores[chosen], kind="stable")[:most]])
    u = chosen % columns * cell + best[chosen] % cell
    v = chosen // columns * cell + best[chosen] // cell
    return np.stack([u, v], 1).astype(np.float32)

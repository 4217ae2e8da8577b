"""Images as a pinhole would have seen them with all rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.geometry.bundle_kernels import NEAREST
from mapper.frontends.mono.geometry.lens import Lens

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, UInt8

STEP: Final = 8  # pixels between the nodes at which it is asked where the rows were
ROUNDS: Final = 3  # a pixel's row says when it was seen, and that which row it is in


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """speed: (6,), of a camera, see rolling.py. depth: units, of what it sees, all of it: where the
    camera moves sideways, what is nearer or farther stays off by a part of what the rows make."""

    speed: Float64[np.ndarray, " 6"]
    depth: float


def straight_image(
    lens: Lens, image: UInt8[np.ndarray, "h w *c"], size: tuple[int, int], motion: Motion
) -> UInt8[np.ndarray, "h w *c"]:
    """The image, as the lens' pinhole of size (width, height) sees it when the middle row is
    read."""
    if lens.readout == 0 or not motion.speed.any():
        return lens.undistorted(image, *size)
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    depth = max(motion.depth, NEAREST)
    roll = lens.readout * motion.speed / [1, 1, 1, depth, depth, depth]
    columns, rows = _lookup(lens, size, roll)
    border = cv2.BORDER_CONSTANT
    return cv2.remap(reduced, columns, rows, cv2.INTER_LINEAR, borderMode=border)


def straight_mask(
    lens: Lens, mask: Bool[np.ndarray, "h w"], size: tuple[int, int], motion: Motion
) -> Bool[np.ndarray, "h w"]:
    """A mask of the image as `straight_image` shows it: False where not all is to be used."""
    white = np.where(mask, np.uint8(255), np.uint8(0))
    return np.asarray(straight_image(lens, white, size, motion) == 255)


def _lookup(
    lens: Lens, size: tuple[int, int], roll: Float64[np.ndarray, " 6"]
) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows, float32 (h, w), of the image that was seen, for each pixel of the straight
    one. roll: twist of the readout, at depth 1."""
    width, height = size
    camera = lens.pinhole.resized(width, height)
    u, v = np.meshgrid(np.arange(0, width + STEP, STEP), np.arange(0, height + STEP, STEP))
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    ray = np.stack([x, y, np.ones_like(x)], -1)
    motion = np.cross(roll[:3], ray) + roll[3:]
    row = v.astype(float)
    column = u.astype(float)
    for _ in range(ROUNDS):
        moved = ray + (row / (height - 1) - 0.5)[..., None] * motion
        moved = moved[..., :2] / np.maximum(moved[..., 2:], 0.1)
        factor = 1 + lens.k1 * (moved**2).sum(-1)
        column = moved[..., 0] * factor * camera.fx + camera.cx
        row = moved[..., 1] * factor * camera.fy + camera.cy
    across, down = _between(width), _between(height)
    smooth = [down @ nodes @ across.T for nodes in (column, row)]
    return smooth[0].astype(np.float32), smooth[1].astype(np.float32)


def _between(count: int) -> Float64[np.ndarray, "n m"]:
    """Weights (count, nodes) of the nodes STEP apart, for each pixel."""
    place = np.arange(count) / STEP
    first = place.astype(int)
    weights = np.zeros((count, len(range(0, count + STEP, STEP))))
    weights[np.arange(count), first] = 1 - (place - first)
    weights[np.arange(count), first + 1] += place - first
    return weights

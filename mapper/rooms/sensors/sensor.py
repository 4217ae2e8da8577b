"""What a depth camera is given to see, and what its kinds have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.spec import CameraSpec
from mapper.runtime.kernels import kernel

SUPPLY: Final = 1 << 20
USUAL_WIDTH: Final = 640  # pixels, of the images that the models below were measured on


@dataclass(frozen=True, slots=True)
class Scene:
    """depth: true, float32 (H, W), metres, 0 = nothing there. slant: float32 (H, W), cosine of the
    angle between normal and ray. normals_at: float32 (h, w, 3), camera frame, of every so manieth
    pixel. dropout: float32 (H, W), share of readings that fail because of the surface.
    reflectance: float32 (H, W), 0..1. image: uint8 (H, W), grey, of the same view.
    """

    depth: np.ndarray
    slant: np.ndarray
    normals_at: Callable[[slice], np.ndarray]
    dropout: np.ndarray
    reflectance: np.ndarray
    image: np.ndarray
    intrinsics: Intrinsics
    camera: CameraSpec

    @property
    def scale(self) -> float:
        """Pixels here for one of a 640 pixels wide image."""
        return self.intrinsics.width / USUAL_WIDTH


def normals(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """float32 of a shape, read-only: normal noise, another stretch of one long supply each time."""
    count = int(np.prod(shape))
    supply = _supply(count)
    start = int(rng.integers(len(supply) - count + 1))
    return supply[start : start + count].reshape(shape)


@lru_cache(maxsize=4)
def _supply(count: int) -> np.ndarray:
    """Drawing anew for each frame would cost as much as drawing the room."""
    supply = np.random.default_rng(count).standard_normal(count + SUPPLY, np.float32)
    supply.flags.writeable = False
    return supply


def noise_field(shape: tuple[int, ...], rng: np.random.Generator, width: float) -> np.ndarray:
    """float32 (H, W): normal noise, alike within windows `width` pixels wide, deviation 1.

    Matching compares windows, so errors of neighbours are not independent.
    """
    field = normals(shape, rng)
    if width <= 0.3:
        return field
    smooth: np.ndarray = cv2.GaussianBlur(field, (0, 0), width)
    return smooth * np.float32(2 * np.sqrt(np.pi) * width)


def patches(shape: tuple[int, ...], size: int, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W): uniform in 0..1, the same within patches of some pixels: readings fail so."""
    coarse = rng.random((shape[0] // size + 2, shape[1] // size + 2), np.float32)
    whole = (coarse.shape[1] * size, coarse.shape[0] * size)
    return cv2.resize(coarse, whole, interpolation=cv2.INTER_NEAREST)[: shape[0], : shape[1]]


def unlit(depth: np.ndarray, focal_baseline: float) -> np.ndarray:
    """bool (H, W): what the second camera or the projector, to the right, does not see.

    Its ray meets the pixel at column minus disparity; from right to left, whatever lies beyond
    the smallest one so far is hidden by something nearer. focal_baseline: pixels times metres.
    """
    hidden = np.empty(depth.shape, np.bool_)
    _hide(depth, np.float32(focal_baseline), hidden)
    return hidden


@kernel()
def _hide(depth: np.ndarray, focal_baseline: np.float32, hidden: np.ndarray) -> None:
    """Fill hidden, as in `unlit`."""
    nearest, half = np.float32(0.1), np.float32(0.5)
    for row in range(depth.shape[0]):
        smallest = np.float32(np.inf)
        for column in range(depth.shape[1] - 1, -1, -1):
            met = np.float32(column) - focal_baseline / max(depth[row, column], nearest)
            hidden[row, column] = met > smallest + half
            smallest = min(smallest, met)


def warp(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """float32 (H, W): a smooth field of one camera, about -1 .. 1, for its calibration errors."""
    coarse = np.random.default_rng(seed).uniform(-1, 1, (4, 5)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)

"""Bare walls as a noisy camera sees them: surfaces that do not tell where along them it is."""

from __future__ import annotations

import numpy as np

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid

CAMERA = Intrinsics(150, 150, 79.5, 59.5, 160, 120)


def corner(index: int) -> DepthPyramid:
    """Two bare walls that meet in an upright edge two metres ahead, as a noisy camera sees them:
    nothing tells how high it is."""
    rng = np.random.default_rng(index)
    x = (np.arange(160) - 79.5) / 150
    depth = np.tile(2.0 / (1.0 + np.abs(x)), (120, 1))
    depth = depth * rng.normal(1.0, 0.002, depth.shape)
    grey = np.where(x < 0, 90.0, 140.0) + rng.normal(0, 1.5, depth.shape)
    image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2)
    frame = Frame(index, index / 30, image, depth.astype(np.float32), CAMERA)
    return build_pyramid(frame.depth, frame.image, CAMERA)  # type: ignore[arg-type]


def wall(index: int, turned: float) -> DepthPyramid:
    """Of a frame of a bare wall."""
    frame = wall_frame(index, turned)
    return build_pyramid(frame.depth, frame.image, CAMERA)  # type: ignore[arg-type]


def wall_frame(index: int, turned: float) -> Frame:
    """A bare wall 30 cm ahead, seen by a camera that has turned on the spot, radians."""
    rng = np.random.default_rng(index)
    x = np.tile((np.arange(160) - 79.5) / 150, (120, 1))
    depth = 0.3 / (np.cos(turned) - np.sin(turned) * x) + rng.normal(0, 0.0012, x.shape)
    grey = np.full(x.shape, 120.0) + rng.normal(0, 1.5, x.shape)
    image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2)
    return Frame(index, index / 30, image, depth.astype(np.float32), CAMERA)

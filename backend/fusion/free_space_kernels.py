"""The inner loops of carving free space, compiled by numba."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import f32, moved

SIGMAS: Final = f32(1.0)  # of a reading, by which a place is nearer where light passed through it
NEAREST: Final = f32(0.1)  # units in front of a camera, where nothing is said
WHOLE: Final = f32(0.5)  # of the pixels that look through a place, that need a reading


class NearestDepths(NamedTuple):
    """What is nearest in squares of 2^level pixels. nearest: float32 (P,), inf without a reading.
    share: float32 (P,), of pixels with a reading. Levels lie one behind the other, the finest
    first, each row by row: sizes: int64 (L, 3), rows, columns and where it begins."""

    nearest: np.ndarray
    share: np.ndarray
    sizes: np.ndarray


class Grid(NamedTuple):
    """passed: uint8 (Z, Y, X), in how many views light passed through a voxel, 255 for more.
    origin: float32 (3,), centre of the first voxel, as x, y, z. resolution: float32, its side."""

    passed: np.ndarray
    origin: np.ndarray
    resolution: np.float32


@kernel()
def carve(grid, depths, camera, motion, noise):
    """Count the voxels that one view looks through. motion: grid to camera. noise: (3,), see
    depth_sigma."""
    passed, size = grid.passed, grid.resolution
    rows, columns = depths.sizes[0, 0], depths.sizes[0, 1]
    half = f32(0.5) * size  # of the ball in a voxel, all of which must be looked past
    for k in range(passed.shape[0]):
        for j in range(passed.shape[1]):
            for i in range(passed.shape[2]):
                x, y, z = moved(
                    motion,
                    (
                        grid.origin[0] + f32(i) * size,
                        grid.origin[1] + f32(j) * size,
                        grid.origin[2] + f32(k) * size,
                    ),
                )
                if z <= NEAREST:
                    continue
                u = camera.fx * x / z + camera.cx + f32(0.5)
                v = camera.fy * y / z + camera.cy + f32(0.5)
                if u < 0 or v < 0 or u >= columns or v >= rows:
                    continue
                seen = nearest_around(depths, u, v, half * camera.fx / z)
                if seen - SIGMAS * depth_sigma(seen, noise) > z and passed[k, j, i] < 255:
                    passed[k, j, i] += 1


@kernel(inline="always")
def nearest_around(depths, u, v, radius):
    """The nearest reading within about radius pixels of (u, v); 0 where most have none."""
    nearest, share = nearest_and_share(depths, u, v, radius)
    return nearest if share >= WHOLE and nearest < np.inf else f32(0)


@kernel(inline="always")
def nearest_and_share(depths, u, v, radius):
    """The nearest reading within about radius pixels of (u, v), inf = none, and the share of the
    pixels there that have one. u, v: from the image's corner."""
    level = 0
    while level + 1 < len(depths.sizes) and f32(1 << level) < radius:
        level += 1
    rows, columns, start = depths.sizes[level, 0], depths.sizes[level, 1], depths.sizes[level, 2]
    side = f32(1 << level)
    # Four squares of at least the radius, whose common corner is nearest to (u, v).
    left, top = int(np.floor(u / side - f32(0.5))), int(np.floor(v / side - f32(0.5)))
    nearest, share, count = f32(np.inf), f32(0), 0
    for row in range(max(top, 0), min(top + 2, rows)):
        for column in range(max(left, 0), min(left + 2, columns)):
            square = start + row * columns + column
            nearest = min(nearest, depths.nearest[square])
            share += depths.share[square]
            count += 1
    return nearest, share / f32(max(count, 1))

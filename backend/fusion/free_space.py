"""Which space the keyframes looked through: free, while what nobody looked at stays unknown."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.backend.fusion.free_space_kernels import Grid, NearestDepths, carve
from mapper.core.depth_noise import DepthNoise, trusted_depth
from mapper.core.intrinsics import Intrinsics
from mapper.vision.reprojection import camera_of, motion_of

LEVELS: Final = 9  # of squares up to 256 pixels


class FreeSpace:
    """A dense grid of voxels, in which views count what they looked through.

    The TSDF keeps no more of free space than the band in front of a surface, so the keyframes are
    gone through again. The ball in a voxel must lie in front of all that a view saw around there.
    """

    def __init__(self, shape: tuple[int, int, int], origin: np.ndarray, resolution: float) -> None:
        """shape: voxels along z, y and x. origin: (3,), centre of the first one, as x, y, z."""
        passed = np.zeros(shape, np.uint8)
        self._grid = Grid(passed, np.asarray(origin, np.float32), np.float32(resolution))

    @property
    def passed(self) -> np.ndarray:
        """uint8 (Z, Y, X): the number of views that looked through each voxel, at most 255."""
        return self._grid.passed

    def add(
        self,
        depth: np.ndarray,
        intrinsics: Intrinsics,
        T_camera_grid: np.ndarray,
        noise: DepthNoise,
        max_depth: float = 0.0,
    ) -> None:
        """Carve what one view looked through.

        depth: float32 (H, W), in units of the grid along z, 0 = none. max_depth: readings beyond
        it say nothing; 0 is as far as they are trusted, see trusted_depth.
        """
        limit = max_depth or trusted_depth(depth, noise)
        # A surface further away than it is trusted lies at least that far away.
        depth = np.minimum(depth, np.float32(limit))
        carve(
            self._grid,
            nearest_depths(depth),
            camera_of(intrinsics),
            motion_of(T_camera_grid),
            noise.coefficients,
        )


def nearest_depths(depth: np.ndarray) -> NearestDepths:
    """The pyramid of a depth map float32 (H, W), 0 = no reading."""
    nearest = np.where(depth > 0, depth, np.float32(np.inf))
    share = (depth > 0).astype(np.float32)
    levels = [(nearest, share)]
    while len(levels) < LEVELS and max(nearest.shape) > 1:
        nearest, share = _halved(nearest, np.inf).min(axis=(1, 3)), _halved(share, 0).mean((1, 3))
        levels.append((nearest, share))
    counts = [level.size for level, _ in levels]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sizes = [(*level.shape, start) for (level, _), start in zip(levels, starts, strict=True)]
    return NearestDepths(
        np.concatenate([level.ravel() for level, _ in levels]),
        np.concatenate([level.ravel() for _, level in levels]),
        np.array(sizes, np.int64),
    )


def _halved(level: np.ndarray, missing: float) -> np.ndarray:
    """(H / 2, 2, W / 2, 2), rounded up: the squares of two by two pixels."""
    height, width = level.shape
    padded = np.pad(level, ((0, height % 2), (0, width % 2)), constant_values=missing)
    return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)

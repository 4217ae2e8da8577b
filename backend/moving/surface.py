"""All cells in which some view saw a surface, gathered view by view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.moving.cells import pixel_keys, rows_in
from mapper.core.depth_noise import DepthNoise, depth_sigma
from mapper.core.geometry import backproject, transform
from mapper.core.intrinsics import Intrinsics

AT_ONCE: Final = 16  # views whose cells are gathered before they are merged


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a keyframe saw, in units of the map. depth: float32 (H, W), along z, 0 = none.
    T_world_camera: (4, 4). timestamp: seconds. limit: what is farther is not in the map."""

    keyframe_id: int
    timestamp: float
    depth: np.ndarray
    intrinsics: Intrinsics
    T_world_camera: np.ndarray
    noise: DepthNoise
    limit: float

    @property
    def mapped(self) -> np.ndarray:
        """float32 (H, W): the depth of what is in the map."""
        return np.where(self.depth <= self.limit, self.depth, np.float32(0))


class SurfaceCells:
    """keys: int64 (M,), sorted. centres: float32 (M, 3), the mean of what was seen in each.
    sigma: float32 (M,), deviation of the surest reading in each, units."""

    def __init__(self, size: float) -> None:
        self.size = size
        self.keys = np.zeros(0, np.int64)
        self._sums = np.zeros((0, 4))  # of points, and their number
        self._sigma = np.zeros(0, np.float32)
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    @property
    def centres(self) -> np.ndarray:
        """float32 (M, 3)."""
        self.merge()
        return (self._sums[:, :3] / self._sums[:, 3:]).astype(np.float32)

    @property
    def sigma(self) -> np.ndarray:
        """float32 (M,)."""
        self.merge()
        return self._sigma

    def add(self, seen: Sighting) -> None:
        """Enter where one view saw surfaces."""
        pixels, keys = pixel_keys(seen.mapped, seen.intrinsics, seen.T_world_camera, self.size)
        points = backproject(seen.depth, seen.intrinsics).reshape(-1, 3)[pixels]
        points = transform(seen.T_world_camera, points.astype(float))
        sigma = depth_sigma(seen.depth.ravel()[pixels], seen.noise.coefficients)
        unique, rows = np.unique(keys, return_inverse=True)
        self._waiting.append((unique, *_reduced(rows, len(unique), _counted(points), sigma)))
        if len(self._waiting) >= AT_ONCE:
            self.merge()

    def merge(self) -> None:
        """Bring in what waits."""
        if not self._waiting:
            return
        parts = [(self.keys, self._sums, self._sigma), *self._waiting]
        keys, sums, sigma = (np.concatenate(each) for each in zip(*parts, strict=True))
        self.keys, rows = np.unique(keys, return_inverse=True)
        self._sums, self._sigma = _reduced(rows, len(self.keys), sums, sigma)
        self._waiting = []

    def rows(self, seen: Sighting) -> tuple[np.ndarray, np.ndarray]:
        """(flat pixels (N,), rows (N,)) of what one view saw."""
        self.merge()
        pixels, keys = pixel_keys(seen.mapped, seen.intrinsics, seen.T_world_camera, self.size)
        return pixels, rows_in(self.keys, keys)


def _counted(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.ones((len(points), 1))], axis=1)


def _reduced(
    rows: np.ndarray, count: int, sums: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums (count, 4) and least sigmas (count,) of entries that belong to these rows."""
    added = np.stack([np.bincount(rows, column, count) for column in sums.T], axis=1)
    least = np.full(count, np.inf, np.float32)
    np.minimum.at(least, rows, sigma.astype(np.float32))
    return added, least

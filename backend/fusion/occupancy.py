"""What of a map a robot can drive through: occupied, free and unknown, and distances in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from mapper.core.geometry import transform
from mapper.core.mesh import Mesh
from mapper.errors import InputError

UNKNOWN, FREE, OCCUPIED = 0, 1, 2
LEAST_SURFACE: Final = 0.1  # of a voxel's side's area: less of a surface in it is noise
SEEN: Final = 0.8  # of a column, that must have been looked through to call it free
FINEST: Final = 0.5  # of a voxel's side, between the points that stand for a surface
MAX_VOXELS: Final = 60_000_000  # 5 GB while distances are computed
MARGIN: Final = 2  # cells around the map


@dataclass(frozen=True, slots=True)
class GridExtent:
    """Where a grid of voxels lies in its upright frame, z up and 0 at the floor.

    low: float64 (3,), the corner of the first voxel, as x, y, z. shape: voxels along z, y and x.
    resolution: their side, in units of the map.
    """

    low: np.ndarray
    shape: tuple[int, int, int]
    resolution: float

    @property
    def first_centre(self) -> np.ndarray:
        """float64 (3,): of the first voxel, as x, y, z."""
        return self.low + self.resolution / 2


@dataclass(frozen=True, slots=True)
class Occupancy:
    """voxels: uint8 (Z, Y, X) and cells: uint8 (Y, X), of UNKNOWN, FREE and OCCUPIED; a cell is a
    column of voxels."""

    extent: GridExtent
    voxels: np.ndarray
    cells: np.ndarray


def extent_of(points: np.ndarray, resolution: float, height: tuple[float, float]) -> GridExtent:
    """The grid around points (N, 3) of the upright frame that lie in a range of heights.

    Its corners are multiples of the resolution. Raises InputError where there are none, or the
    grid would be too large.
    """
    low_z, high_z = height
    within = points[(points[:, 2] >= low_z) & (points[:, 2] <= high_z)]
    if not len(within):
        raise InputError(
            f"there is no surface between {low_z:g} and {high_z:g} above the floor; choose another "
            "--height"
        )
    low = np.floor(within[:, :2].min(axis=0) / resolution).astype(int) - MARGIN
    high = np.floor(within[:, :2].max(axis=0) / resolution).astype(int) + 1 + MARGIN
    layers = max(1, int(np.ceil((high_z - low_z) / resolution - 1e-6)))
    shape = (layers, int(high[1] - low[1]), int(high[0] - low[0]))
    if np.prod(shape, dtype=float) > MAX_VOXELS:
        raise InputError(
            f"a grid of {shape[2]} x {shape[1]} x {layers} voxels is too large; choose a larger "
            "--resolution or a smaller --height"
        )
    return GridExtent(np.append(low * resolution, low_z), shape, resolution)


def occupied_voxels(extent: GridExtent, mesh: Mesh, T_upright_world: np.ndarray) -> np.ndarray:
    """bool (Z, Y, X): voxels with enough of the mesh's surface in them."""
    area = np.zeros(extent.shape)
    corners = transform(T_upright_world, mesh.vertices.astype(np.float64))[mesh.faces]
    for points, share in _surface_points(corners, FINEST * extent.resolution):
        index = np.floor((points - extent.low) / extent.resolution).astype(np.int64)[:, ::-1]
        inside = ((index >= 0) & (index < extent.shape)).all(axis=1)
        np.add.at(area, tuple(index[inside].T), share[inside])
    return area > LEAST_SURFACE * extent.resolution**2


def occupancy(extent: GridExtent, occupied: np.ndarray, passed: np.ndarray) -> Occupancy:
    """occupied: bool and passed: uint8 (Z, Y, X), see FreeSpace.

    A column with an occupied voxel is occupied; one that was looked through for the most part is
    free, and any other unknown.
    """
    voxels = np.where(occupied, OCCUPIED, np.where(passed > 0, FREE, UNKNOWN)).astype(np.uint8)
    seen = (voxels == FREE).mean(axis=0) >= SEEN
    cells = np.where(occupied.any(axis=0), OCCUPIED, np.where(seen, FREE, UNKNOWN))
    return Occupancy(extent, voxels, cells.astype(np.uint8))


def signed_distances(states: np.ndarray, resolution: float) -> np.ndarray:
    """float32, as `states`: units to the nearest occupied voxel's side, negative within; NaN where
    the state is unknown, and inf where nothing is occupied."""
    occupied = states == OCCUPIED
    if not occupied.any():
        return np.where(states == UNKNOWN, np.nan, np.inf).astype(np.float32)
    outside = distance_transform_edt(~occupied, sampling=resolution).astype(np.float32)
    inside = distance_transform_edt(occupied, sampling=resolution).astype(np.float32)
    distance = np.where(occupied, resolution / 2 - inside, outside - resolution / 2)
    return np.where(states == UNKNOWN, np.nan, distance).astype(np.float32)


def _surface_points(corners: np.ndarray, spacing: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points (N, 3) no further apart than the spacing on triangles (M, 3, 3), and the area (N,)
    that each stands for; triangles of one size at a time."""
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(crossed, axis=1) / 2
    parts = np.maximum(np.ceil(edges / spacing), 1).astype(np.int64)
    for count in np.unique(parts):
        chosen = parts == count
        # The centres of the small triangles that a triangle with sides cut in `count` falls into.
        a, b = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
        upright, turned = a + b < count, a + b < count - 1
        u = np.concatenate([(a[upright] + 1 / 3), (a[turned] + 2 / 3)]) / count
        v = np.concatenate([(b[upright] + 1 / 3), (b[turned] + 2 / 3)]) / count
        weights = np.stack([1 - u - v, u, v])
        points = np.einsum("kn,mkd->mnd", weights, corners[chosen]).reshape(-1, 3)
        yield points, np.repeat(areas[chosen] / count**2, count**2)

"""What appeared and what vanished between two maps of one place.

A surface of one map is gone from the other only if that one's views looked through its place; where
they did not look, or stopped in front of it, nothing is known of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import binary_dilation, label
from scipy.spatial import cKDTree

from mapper.backend.fusion.free_space import FreeSpace
from mapper.core.depth_noise import DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.errors import InputError

VIEWS: Final = 2  # that must have looked through a place, before a surface is gone from it
NEAR: Final = 0.06  # units between two surfaces that may be one, drift and noise taken together
NEAR_SIGMAS: Final = 3.0  # the same in deviations of the depth, where that is more
VOXEL: Final = 0.03  # units, of the grid of free space
GAP: Final = 2  # voxels between parts of one thing
MAX_VOXELS: Final = 60_000_000
MARGIN: Final = 2  # voxels around the maps


@dataclass(frozen=True, slots=True)
class SeenDepth:
    """What one view saw. depth: float32 (H, W), in units of the map along z, 0 = none.
    T_world_camera: (4, 4)."""

    depth: np.ndarray
    intrinsics: Intrinsics
    T_world_camera: np.ndarray
    noise: DepthNoise


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One of the two maps. mesh: its surface. views: all that saw it; asked for once. sigma:
    deviation of its depth in units, of most of what is seen."""

    mesh: Mesh
    views: Sequence[SeenDepth] | Iterator[SeenDepth]
    sigma: float


@dataclass(frozen=True, slots=True)
class Change:
    """A thing that only one of the maps has. faces: int (F,), of that map's mesh. centre: (3,), in
    the world; size: (3,), its two extents along the ground, the longer first, and the one upwards.
    area: of its surface."""

    faces: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    area: float


@dataclass(frozen=True, slots=True)
class Changes:
    """vanished: of the earlier map's surface. appeared: of the later one's. The largest first."""

    vanished: list[Change]
    appeared: list[Change]


def changes(earlier: Surveyed, later: Surveyed, up: np.ndarray, min_size: float) -> Changes:
    """What differs by at least `min_size` units in one direction. up: (3,), unit, in the world.

    Both maps are in one world. Raises InputError where they are too large to be compared.
    """
    grid = _Grid.around(earlier.mesh, later.mesh)
    near = max(NEAR, NEAR_SIGMAS * float(np.hypot(earlier.sigma, later.sigma)))
    passed = [grid.passed(each.views) for each in (earlier, later)]
    measure = _Measure(up, min_size)
    return Changes(
        measure.things(grid, earlier.mesh, _gone(grid, earlier.mesh, later.mesh, passed, near)),
        measure.things(grid, later.mesh, _gone(grid, later.mesh, earlier.mesh, passed[::-1], near)),
    )


def _gone(
    grid: _Grid, own: Mesh, other: Mesh, passed: Sequence[np.ndarray], near: float
) -> np.ndarray:
    """bool (V,): vertices of a map that the other one has free space for, and no surface.

    passed: views of the own map, and of the other one, that looked through each voxel. What the own
    views looked through themselves is no surface but noise.
    """
    own_passed, other_passed = (grid.at(each, own.vertices) for each in passed)
    free = (other_passed >= VIEWS) & (own_passed < VIEWS)
    found = np.zeros(len(own.vertices), bool)
    if free.any() and len(other.vertices):
        away, _ = cKDTree(other.vertices).query(own.vertices[free], distance_upper_bound=near)
        found[free] = np.isinf(away)
    return found


@dataclass(frozen=True, slots=True)
class _Grid:
    """origin: (3,), centre of the first voxel. shape: voxels along z, y and x."""

    origin: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, *meshes: Mesh) -> _Grid:
        points = np.concatenate([mesh.vertices for mesh in meshes]).astype(float)
        low, high = points.min(axis=0) - MARGIN * VOXEL, points.max(axis=0) + MARGIN * VOXEL
        nx, ny, nz = (np.ceil((high - low) / VOXEL).astype(int) + 1).tolist()
        if float(nx) * ny * nz > MAX_VOXELS:
            raise InputError(
                f"the maps take up {nx} x {ny} x {nz} voxels of {100 * VOXEL:g} cm: too many to be "
                "compared as a whole"
            )
        return cls(low, (nz, ny, nx))

    def passed(self, views: Sequence[SeenDepth] | Iterator[SeenDepth]) -> np.ndarray:
        """uint8 (Z, Y, X): how many of the views looked through each voxel."""
        space = FreeSpace(self.shape, self.origin, VOXEL)
        for view in views:
            T_camera_grid = np.linalg.inv(view.T_world_camera)
            space.add(view.depth, view.intrinsics, T_camera_grid, view.noise)
        return space.passed

    def indices(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of the voxels that points (N, 3) are in, along z, y and x."""
        index = np.rint((points - self.origin) / VOXEL).astype(int)[:, ::-1]
        return tuple(np.clip(index, 0, np.array(self.shape) - 1).T)

    def at(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Values (N,) of the voxels that points are in."""
        found: np.ndarray = values[self.indices(points)]
        return found


@dataclass(frozen=True, slots=True)
class _Measure:
    """up: see changes. min_size: units of a thing's longest extent, and half of it of the next."""

    up: np.ndarray
    min_size: float

    def things(self, grid: _Grid, mesh: Mesh, gone: np.ndarray) -> list[Change]:
        """The parts of a mesh whose vertices (V,) are gone, by what hangs together."""
        occupied = np.zeros(grid.shape, bool)
        occupied[grid.indices(mesh.vertices[gone])] = True
        ball = np.ones((2 * GAP - 1,) * 3, bool)
        labels, count = label(binary_dilation(occupied, ball), np.ones((3, 3, 3), int))
        of_vertex = np.where(gone, grid.at(labels, mesh.vertices), 0)
        corners = of_vertex[mesh.faces]
        of_face = np.where((corners > 0).sum(axis=1) >= 2, corners.max(axis=1), 0)
        order = np.argsort(of_face, kind="stable")
        bounds = np.searchsorted(of_face[order], np.arange(1, count + 2))
        parts = (order[a:b] for a, b in itertools.pairwise(bounds) if b > a)
        found = [self._change(mesh, faces) for faces in parts]
        large = [each for each in found if self._is_large(each)]
        return sorted(large, key=lambda each: -each.area)

    def _is_large(self, change: Change) -> bool:
        longest, next_one = np.sort(change.size)[::-1][:2]
        return bool(longest >= self.min_size and next_one >= self.min_size / 2)

    def _change(self, mesh: Mesh, faces: np.ndarray) -> Change:
        corners = mesh.vertices[mesh.faces[faces]].astype(float)
        areas = np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        )
        points = corners.reshape(-1, 3)
        axes = _ground_axes(points, self.up)
        along = points @ axes.T
        low, high = along.min(axis=0), along.max(axis=0)
        centre = (low + high) / 2 @ axes
        return Change(faces, centre, high - low, float(areas.sum()) / 2)


def _ground_axes(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(3, 3), rows: the direction along the ground in which points extend most, the one across,
    and up."""
    flat = points - points.mean(axis=0)
    flat = flat - np.outer(flat @ up, up)
    _, _, directions = np.linalg.svd(flat[:: max(1, len(flat) // 5000)], full_matrices=False)
    first = directions[0] - up * (directions[0] @ up)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first), up])

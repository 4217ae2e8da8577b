"""The cloud and the grid of a map that is still being made, from its keyframes' thinned views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.fusion.free_space import FreeSpace
from mapper.backend.fusion.occupancy import (
    LEAST_SURFACE,
    GridExtent,
    extent_of,
    occupancy,
)
from mapper.backend.fusion.upright import find_floor, upright_frame
from mapper.core.geometry import inverse, transform
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, scale_of
from mapper.errors import InputError
from mapper.io.export.occupancy_map import OCCUPANCY
from mapper.ros2.thin_view import ThinView

UP: Final = np.array([0.0, 0.0, 1.0])  # in the map
FLOOR_VIEWS: Final = 16  # that the floor is looked for in
LAYER: Final = 0.05  # metres within which heights are one surface's
JUMP: Final = 0.05  # share of the depth between pixels side by side, that is no surface


@dataclass(frozen=True, slots=True, eq=False)
class DrawnGrid:
    """cells: int8 (Y, X), -1 unknown, 0 free, 100 occupied. T_map_corner: (4, 4), the lower corner
    of the first cell, on the floor."""

    cells: np.ndarray
    T_map_corner: np.ndarray


Placed = Mapping[int, tuple[ThinView, np.ndarray]]  # a view and its S_map_keyframe (4, 4), by id


def draw_cloud(placed: Placed, resolution: float) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 (N, 3) in the map and colours uint8 (N, 3), one in each cube that has any."""
    points, colors = [np.empty((0, 3), np.float32)], [np.empty((0, 3), np.uint8)]
    for view, S in placed.values():
        seen = view.depth > 0
        here, found = transform(S, view.points()[seen].astype(np.float64)), view.image[seen]
        first = _first_of_each(here, resolution)
        points.append(here[first].astype(np.float32))
        colors.append(found[first])
    every = np.concatenate(points)
    first = _first_of_each(every, resolution)
    return every[first], np.concatenate(colors)[first]


def draw_grid(
    placed: Placed, resolution: float, height: tuple[float, float], is_level: bool
) -> DrawnGrid | None:
    """height: above the floor, metres. is_level: the map's z is up; else the floor tells what is.

    A voxel is occupied if as many views see a surface in it as look through it: what went away
    is no obstacle. None where no floor is seen, or nothing stands on it.
    """
    try:
        T_grid_map = _grid_frame(_surface(placed), is_level)
        extent = extent_of(_all_points(placed, T_grid_map), resolution, height)
    except InputError:
        return None
    space = FreeSpace(extent.shape, extent.first_centre, extent.resolution)
    hits = np.zeros(extent.shape, np.uint16)
    for view, S in placed.values():
        T_grid_view = T_grid_map @ S
        depth = view.depth * np.float32(scale_of(S))
        space.add(depth, view.intrinsics, inverse(rigid_part(T_grid_view)), view.noise, 1e3)
        _hit(hits, extent, view, T_grid_view)
    occupied = (hits > 0) & (hits >= space.passed)
    cells = OCCUPANCY[occupancy(extent, occupied, space.passed).cells]
    corner = np.eye(4)
    corner[:2, 3] = extent.low[:2]
    return DrawnGrid(cells, inverse(T_grid_map) @ corner)


def _grid_frame(surface: Mesh, is_level: bool) -> np.ndarray:
    """T_grid_map (4, 4): z up and 0 at the floor; along the map's axes where that is level."""
    if not is_level:
        return upright_frame(find_floor(surface, None, LAYER, UP), surface)
    T_grid_map = np.eye(4)
    T_grid_map[2, 3] = -find_floor(surface, UP, LAYER).height
    return T_grid_map


def _hit(hits: np.ndarray, extent: GridExtent, view: ThinView, S: np.ndarray) -> None:
    """Count the voxels in which one view sees enough of a surface."""
    seen = view.depth > 0
    points = transform(S, view.points()[seen].astype(np.float64))
    index = np.floor((points - extent.low) / extent.resolution).astype(np.int64)[:, ::-1]
    inside = ((index >= 0) & (index < extent.shape)).all(axis=1)
    flat = np.ravel_multi_index(tuple(index[inside].T), extent.shape)
    camera = view.intrinsics
    areas = (view.depth[seen] * float(scale_of(S))) ** 2 / (camera.fx * camera.fy)
    voxels, which = np.unique(flat, return_inverse=True)
    enough = np.bincount(which, areas[inside]) > LEAST_SURFACE * extent.resolution**2
    hits.reshape(-1)[voxels[enough]] += 1


def _surface(placed: Placed) -> Mesh:
    """Triangles between the pixels of some views, in the map; they face the cameras."""
    chosen = list(placed.values())[:: max(1, len(placed) // FLOOR_VIEWS)]
    vertices, faces, count = [np.empty((0, 3), np.float32)], [np.empty((0, 3), np.int32)], 0
    for view, S in chosen:
        here = transform(S, view.points().reshape(-1, 3).astype(np.float64))
        vertices.append(here.astype(np.float32))
        faces.append(_triangles(view.depth) + np.int32(count))
        count += len(here)
    every, corners = np.concatenate(vertices), np.concatenate(faces)
    normals = np.zeros_like(every)
    a, b, c = every[corners].transpose(1, 0, 2)
    for corner in corners.T:
        np.add.at(normals, corner, np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Mesh(every, corners, np.zeros(every.shape, np.uint8), normals)


def _triangles(depth: np.ndarray) -> np.ndarray:
    """int32 (M, 3) of pixels, counted row by row, between which depth does not jump."""
    a, b, c, d = (
        part.ravel() for part in (depth[:-1, :-1], depth[1:, :-1], depth[:-1, 1:], depth[1:, 1:])
    )
    corners = np.stack([a, b, c, d])
    whole = (corners.min(axis=0) > 0) & (np.ptp(corners, axis=0) < JUMP * corners.min(axis=0))
    width = depth.shape[1]
    first = np.arange(depth.size).reshape(depth.shape)[:-1, :-1].ravel()[whole]
    below, beside, across = first + width, first + 1, first + width + 1
    both = np.concatenate([np.stack([first, below, beside]), np.stack([below, across, beside])], 1)
    return np.ascontiguousarray(both.T, np.int32)


def _all_points(placed: Placed, T: np.ndarray) -> np.ndarray:
    """float64 (N, 3), of all views, moved by T."""
    parts = [np.empty((0, 3))]
    for view, S in placed.values():
        parts.append(transform(T @ S, view.points()[view.depth > 0].astype(np.float64)))
    return np.concatenate(parts)


def _first_of_each(points: np.ndarray, resolution: float) -> np.ndarray:
    """int (M,): a point (N, 3) in each cube."""
    cubes = np.floor(points / resolution).astype(np.int64)
    # Three numbers of 21 bits in one: a map of 2^20 cubes each way has room.
    keys = (cubes[:, 0] << 42) ^ ((cubes[:, 1] & 0x1FFFFF) << 21) ^ (cubes[:, 2] & 0x1FFFFF)
    return np.unique(keys, return_index=True)[1]

"""The occupancy of a run's map, for robots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from tqdm import tqdm

from mapper.backend.fusion.free_space import FreeSpace
from mapper.backend.fusion.map_fusion import reliable_depth
from mapper.backend.fusion.occupancy import (
    GridExtent,
    Occupancy,
    extent_of,
    occupancy,
    occupied_voxels,
)
from mapper.backend.fusion.upright import Floor, find_floor, held_up, upright_frame
from mapper.backend.global_map import GlobalMap
from mapper.core.geometry import inverse, transform
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, scale_of
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.results import (
    CACHED_MAPS,
    fuse_again,
    fusion_config,
    load_mesh,
    refinement_config,
)


@dataclass(frozen=True, slots=True)
class RunOccupancy:
    """T_upright_world (4, 4): from the run's world into the grid's frame. floor: in the world."""

    occupancy: Occupancy
    T_upright_world: np.ndarray
    floor: Floor


def run_occupancy(
    run: RunDirectory,
    resolution: float,
    height: tuple[float, float],
    up: np.ndarray | None = None,
    quiet: bool = False,
) -> RunOccupancy:
    """Surfaces by the run's mesh, and free space by its keyframes.

    resolution, height: in units of the map, the latter above the floor. up: (3,), unit, in the
    world, where it is known. Raises InputError for a map without surface or floor.
    """
    saved = load_map(run)
    mesh = load_mesh(run, saved, quiet)
    if not len(mesh.faces):
        raise InputError(f"{run.path}: the map of this run has no surface, so there is no floor")
    voxel_size = fusion_config(run).tsdf.voxel_size
    held = held_up(saved.keyframe_trajectory().T_world_camera)
    floor = find_floor(mesh, up, voxel_size, held)
    T_upright_world = upright_frame(floor, mesh)
    points = transform(T_upright_world, mesh.vertices.astype(np.float64))
    extent = extent_of(points, resolution, height)
    if voxel_size > resolution:
        mesh = _finer_mesh(run, saved, resolution, quiet)
    occupied = occupied_voxels(extent, mesh, T_upright_world)
    passed = _passed(run, saved, extent, T_upright_world, quiet)
    return RunOccupancy(occupancy(extent, occupied, passed), T_upright_world, floor)


def _finer_mesh(run: RunDirectory, saved: GlobalMap, voxel_size: float, quiet: bool) -> Mesh:
    config = fusion_config(run)
    tsdf = replace(config.tsdf, voxel_size=voxel_size)
    return fuse_again(run, saved, replace(config, tsdf=tsdf), quiet)[0]


def _passed(
    run: RunDirectory,
    saved: GlobalMap,
    extent: GridExtent,
    T_upright_world: np.ndarray,
    quiet: bool,
) -> np.ndarray:
    """uint8 (Z, Y, X): how many keyframes looked through each voxel."""
    config = fusion_config(run)
    load = lru_cache(CACHED_MAPS)(run.keyframes.load)
    map_of = saved.maps_to_fuse(refinement_config(run), load)
    space = FreeSpace(extent.shape, extent.first_centre, extent.resolution)
    poses = saved.fused_poses
    for keyframe_id in tqdm(poses, unit=" keyframes", disable=quiet or None, leave=False):
        source, S = map_of(keyframe_id), poses[keyframe_id]
        depth = reliable_depth(source, config) * np.float32(scale_of(S))
        depth[source.weight <= 0] = 0
        T_camera_grid = inverse(T_upright_world @ rigid_part(S))
        noise, limit = source.noise, config.tsdf.max_depth
        space.add(depth, source.intrinsics, T_camera_grid, noise, limit)
    return space.passed

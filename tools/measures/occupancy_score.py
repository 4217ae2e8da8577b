"""How true an occupancy grid of the sample room is: python tools measures.occupancy_score RUN"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.backend.fusion.occupancy import (
    FREE,
    OCCUPIED,
    UNKNOWN,
    GridExtent,
    Occupancy,
    occupied_voxels,
)
from mapper.commands.mapping.demo import room_from_world
from mapper.core.geometry import inverse, transform
from mapper.core.intrinsics import Intrinsics
from mapper.io.trajectory_files import read_tum
from mapper.rooms.room import Room
from mapper.rooms.sample.depth import MAX_DEPTH
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.walls import ROOM
from mapper.run.directory import RunDirectory
from mapper.runtime.open3d_loader import load_open3d
from mapper.saved.map import load_map
from mapper.saved.occupancy import RunOccupancy, run_occupancy

LOOKS: Final = 30  # frames of the run from which it is told what was in sight
NEAREST: Final = 0.4  # metres, where a depth camera begins to see


@dataclass(frozen=True, slots=True)
class OccupancyScore:
    """precision: share of the cells called free that are so in the exact room: nothing in them
    between the heights of the grid. recall: of the exact room's free cells of which every voxel was
    in sight of the camera, the share that is called free. walls: of the places along the walls
    that the map knows anything of, the share with something occupied there. leaks: cells called
    free outside of the room."""

    precision: float
    recall: float
    walls: float
    leaks: int


def score_occupancy(found: RunOccupancy, run: RunDirectory) -> OccupancyScore:
    """Of a run of the sample room, whose poses are brought into the room's frame."""
    S_room_world = room_from_world(run)
    assert S_room_world is not None, "fewer than three poses"
    T_room_grid = S_room_world @ inverse(found.T_upright_world)
    extent, cells = found.occupancy.extent, found.occupancy.cells
    room = sample_room()
    taken = _taken(room, extent, T_room_grid)
    inside = _inside(extent, T_room_grid)
    free = cells == FREE
    truly_free = ~taken & inside
    in_sight = truly_free & _in_sight(room, extent, T_room_grid, run)
    return OccupancyScore(
        float((free & truly_free).sum() / max(free.sum(), 1)),
        float((free & in_sight).sum() / max(in_sight.sum(), 1)),
        _walls(found.occupancy, T_room_grid),
        int((free & ~inside).sum()),
    )


def _centres(extent: GridExtent) -> np.ndarray:
    """float64 (Z, Y, X, 3), x, y, z of every voxel's centre in the grid's frame."""
    k, j, i = np.indices(extent.shape)
    return np.stack([i, j, k], axis=-1) * extent.resolution + extent.first_centre


def _taken(room: Room, extent: GridExtent, T_room_grid: np.ndarray) -> np.ndarray:
    """bool (Y, X): columns in which a surface of the room lies, or the inside of a part."""
    taken = occupied_voxels(extent, room.mesh(), inverse(T_room_grid)).any(axis=0)
    o3d = load_open3d()
    points = transform(T_room_grid, _centres(extent)).reshape(-1, 3)
    for part in room.parts:
        vertices = part.room_vertices
        near = ((points >= vertices.min(axis=0)) & (points <= vertices.max(axis=0))).all(axis=1)
        if not near.any():
            continue
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(vertices.astype(np.float32), part.faces.astype(np.uint32))
        within = scene.compute_occupancy(points[near].astype(np.float32)).numpy() > 0
        solid = np.zeros(len(points), bool)
        solid[np.flatnonzero(near)[within]] = True
        taken |= solid.reshape(extent.shape).any(axis=0)
    return np.asarray(taken)


def _inside(extent: GridExtent, T_room_grid: np.ndarray) -> np.ndarray:
    """bool (Y, X): cells whose centre is between the room's walls."""
    points = transform(T_room_grid, _centres(extent)[0])[..., :2]
    return np.asarray(((points > 0) & (points < ROOM[:2])).all(axis=-1))


def _in_sight(
    room: Room, extent: GridExtent, T_room_grid: np.ndarray, run: RunDirectory
) -> np.ndarray:
    """bool (Y, X): columns of which each voxel's centre was in sight of a frame, by the exact poses
    and the exact room."""
    mesh, o3d = room.mesh(), load_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh.vertices, mesh.faces.astype(np.uint32))
    points = transform(T_room_grid, _centres(extent)).reshape(-1, 3)
    seen = np.zeros(len(points), bool)
    camera = load_map(run).keyframes[0].intrinsics
    truth, estimate = read_tum(run.ground_truth), read_tum(run.trajectory)
    used = truth.timestamps <= estimate.timestamps[-1] + 1e-3
    poses = truth.T_world_camera[used]
    for T in poses[:: max(1, len(poses) // LOOKS)]:
        chosen = np.flatnonzero(~seen & _in_view(points, T, camera))
        rays = np.concatenate([np.broadcast_to(T[:3, 3], (len(chosen), 3)), points[chosen]], axis=1)
        rays[:, 3:] -= rays[:, :3]
        hits = scene.cast_rays(o3d.core.Tensor(rays.astype(np.float32)))["t_hit"].numpy()
        seen[chosen[hits >= 1]] = True
    return np.asarray(seen.reshape(extent.shape).all(axis=0))


def _in_view(points: np.ndarray, T_room_camera: np.ndarray, camera: Intrinsics) -> np.ndarray:
    """bool (N,): points within the camera's image and range."""
    x, y, z = transform(inverse(T_room_camera), points).T
    ahead = np.maximum(z, 1e-6)
    u, v = camera.fx * x / ahead + camera.cx, camera.fy * y / ahead + camera.cy
    inside = (u >= 0) & (v >= 0) & (u <= camera.width - 1) & (v <= camera.height - 1)
    return np.asarray(inside & (z > NEAREST) & (z < MAX_DEPTH))


def _walls(grid: Occupancy, T_room_grid: np.ndarray) -> float:
    """Share of the places along the four walls, of which the map knows anything within two cells,
    where one of those cells is occupied."""
    extent = grid.extent
    last = np.array(grid.cells.shape) - 1
    met, asked = 0, 0
    for axis in (0, 1):
        along = np.arange(0.1, ROOM[1 - axis] - 0.1, extent.resolution)
        for wall, inwards in ((0.0, 1.0), (ROOM[axis], -1.0)):
            steps = wall + inwards * extent.resolution * np.arange(-1, 4) / 2
            points = np.zeros((len(along), len(steps), 3))
            points[..., axis], points[..., 1 - axis] = steps, along[:, None]
            places = transform(inverse(T_room_grid), points)[..., :2]
            x, y = np.floor((places - extent.low[:2]) / extent.resolution).astype(int).T
            states = grid.cells[y.clip(0, last[0]), x.clip(0, last[1])]
            met += int((states == OCCUPIED).any(axis=0).sum())
            asked += int((states != UNKNOWN).any(axis=0).sum())
    return met / max(asked, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--resolution", type=float, default=0.05)
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    found = run_occupancy(run, arguments.resolution, (0.1, 1.8), quiet=True)
    print(score_occupancy(found, run))


if __name__ == "__main__":
    main()

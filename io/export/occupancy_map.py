"""An occupancy grid as Nav2's map_server reads it, and distances to obstacles as .npz."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.runtime.atomic_files import atomic_folder

# Pixels of the states 0 unknown, 1 free, 2 occupied, and the thresholds on (255 - pixel) / 255 that
# tell them apart: an unknown pixel gives 0.19608, which a threshold of 0.25 would call free.
PIXELS: Final = np.array([205, 254, 0], np.uint8)
OCCUPIED_THRESHOLD, FREE_THRESHOLD = 0.65, 0.196
OCCUPANCY: Final = np.array([-1, 0, 100], np.int8)  # as in nav_msgs/OccupancyGrid
FILES: Final = re.compile(r"map\.(pgm|yaml)|esdf\.npz")


@dataclass(frozen=True, slots=True)
class GridMap:
    """cells: uint8 (Y, X) and voxels: uint8 (Z, Y, X), 0 unknown, 1 free, 2 occupied.

    cell_distances, voxel_distances: float32, of the same shapes, units to what is occupied. low:
    float64 (3,), the corner of the first voxel, as x, y, z. T_grid_world: float64 (4, 4).
    resolution: side of a cell. units: "metres", or another word where the scale is not known.
    """

    cells: np.ndarray
    voxels: np.ndarray
    cell_distances: np.ndarray
    voxel_distances: np.ndarray
    low: np.ndarray
    resolution: float
    T_grid_world: np.ndarray
    units: str


def write_grid_map(folder: Path, grid: GridMap) -> None:
    """Write map.pgm, map.yaml and esdf.npz into a folder, in place of earlier ones."""
    with atomic_folder(folder, FILES) as target:
        height, width = grid.cells.shape
        rows = PIXELS[grid.cells][::-1]  # an image begins at the top, where y is largest
        header = f"P5\n{width} {height}\n255\n".encode()
        (target / "map.pgm").write_bytes(header + np.ascontiguousarray(rows).tobytes())
        (target / "map.yaml").write_text(_description(grid), encoding="utf-8")
        np.savez_compressed(
            target / "esdf.npz",
            cells=OCCUPANCY[grid.cells],
            voxels=OCCUPANCY[grid.voxels],
            cell_distances=grid.cell_distances,
            voxel_distances=grid.voxel_distances,
            origin=grid.low,
            resolution=grid.resolution,
            T_grid_world=grid.T_grid_world,
            units=grid.units,
        )


def _description(grid: GridMap) -> str:
    lines = [f"# x, y and resolution are in {grid.units}; z is up, and 0 at the floor"]
    if grid.units != "metres":
        lines += ["# NOT METRES: the map is known up to scale; a robot needs all of it rescaled"]
    rows = [", ".join(f"{value:.9g}" for value in row) for row in grid.T_grid_world]
    lines += ["# T_grid_world, from the world of the run, row by row:"]
    lines += [f"#   [{row}]" for row in rows]
    x, y = grid.low[:2].tolist()
    lines += [
        "image: map.pgm",
        "mode: trinary",
        f"resolution: {grid.resolution:.9g}",
        f"origin: [{x:.9g}, {y:.9g}, 0.0]",
        "negate: 0",
        f"occupied_thresh: {OCCUPIED_THRESHOLD}",
        f"free_thresh: {FREE_THRESHOLD}",
    ]
    return "\n".join(lines) + "\n"

"""mapper occupancy: a map for robots, of what is occupied, free and unknown."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.numbers import positive
from mapper.commands.options import add_run

if TYPE_CHECKING:
    import numpy as np

    from mapper.saved.occupancy import RunOccupancy

EPILOG = """writes a folder with
  map.pgm, map.yaml   the grid, as map_server of Nav2 reads it: occupied, free, unknown
  esdf.npz            the distances to obstacles, in 2-D and in 3-D (docs/meshes_and_grids.md)

examples:
  mapper occupancy runs/desk                              writes runs/desk/occupancy/
  mapper occupancy runs/desk --resolution 0.1 --height 0.05:0.6 --up=0,-1,0

A cell is free where the cameras looked through it; what they never saw stays unknown. It says
nothing of the floor itself: what lies below --height, like stairs that lead down, looks free.
"""
RESOLUTION = 0.05
HEIGHT = (0.1, 1.8)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument(
        "--resolution",
        type=positive,
        metavar="M",
        help=f"side of a cell ({RESOLUTION:g} metres; must be given where the map has no metres)",
    )
    parser.add_argument(
        "--height",
        metavar="LOW:HIGH",
        help=f"above the floor, what a robot would touch ({HEIGHT[0]:g}:{HEIGHT[1]:g} metres)",
    )
    parser.add_argument(
        "--up", metavar="X,Y,Z", help="what is up in the world of the run (by the floor's plane)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="(RUN/occupancy)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier one")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.io.export.occupancy_map import FILES
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way

    run = RunDirectory.open(arguments.run)
    units = run.read_description().says.units
    resolution, height = _size(arguments, units)
    up = None if arguments.up is None else _up(arguments.up)
    out = arguments.out or run.path / "occupancy"
    make_way(out, arguments.overwrite, FILES)
    with writing_into(run, out):
        from mapper.saved.occupancy import run_occupancy

        found = run_occupancy(run, resolution, height, up, arguments.json)
        _write(out, found, units)
    told = _told(found, out, units)
    print(json.dumps(told)) if arguments.json else _print(told)
    return 0


def _write(out: Path, found: RunOccupancy, units: str) -> None:
    from mapper.backend.fusion.occupancy import signed_distances
    from mapper.io.export.occupancy_map import GridMap, write_grid_map

    grid = found.occupancy
    resolution = grid.extent.resolution
    write_grid_map(
        out,
        GridMap(
            grid.cells,
            grid.voxels,
            signed_distances(grid.cells, resolution),
            signed_distances(grid.voxels, resolution),
            grid.extent.low,
            resolution,
            found.T_upright_world,
            units,
        ),
    )


def _told(found: RunOccupancy, out: Path, units: str) -> dict[str, Any]:
    """What is said of it; areas in square units."""
    from mapper.backend.fusion.occupancy import FREE, OCCUPIED

    cells, resolution = found.occupancy.cells, found.occupancy.extent.resolution
    return {
        "occupancy": str(out),
        "resolution": resolution,
        "units": units,
        "cells": [cells.shape[1], cells.shape[0]],
        "free_area": float((cells == FREE).sum() * resolution**2),
        "occupied_area": float((cells == OCCUPIED).sum() * resolution**2),
        "floor_area": found.floor.area,
        "floor_below_first_camera": -found.floor.height,
        "up": found.floor.up.tolist(),
    }


def _print(told: dict[str, Any]) -> None:
    is_metric = told["units"] == "metres"
    unit, square = ("m", "m2") if is_metric else ("units", "square units")
    print(
        f"floor: {told['floor_area']:.1f} {square} seen of it, "
        f"{told['floor_below_first_camera']:.2f} {unit} below the first camera"
    )
    print(
        f"{told['cells'][0]} x {told['cells'][1]} cells of {told['resolution']:g} {unit}: "
        f"{told['free_area']:.1f} {square} free, {told['occupied_area']:.1f} occupied"
    )
    if not is_metric:
        print("NOT METRES: the map is known up to scale, and so are the grid and its distances")
    print(f"  {told['occupancy']}/map.yaml, map.pgm, esdf.npz")


def _size(arguments: argparse.Namespace, units: str) -> tuple[float, tuple[float, float]]:
    """Resolution and heights, in units of the map."""
    from mapper.errors import ConfigError

    is_metric = units == "metres"
    if not is_metric and (arguments.resolution is None or arguments.height is None):
        raise ConfigError(
            f"{arguments.run}: this map is known up to scale; give --resolution and --height "
            "LOW:HIGH in its units"
        )
    resolution = RESOLUTION if arguments.resolution is None else arguments.resolution
    if arguments.height is None:
        return resolution, HEIGHT
    low, high = _numbers(arguments.height, ":", 2, "--height", "0.1:1.8")
    if not low < high:
        raise ConfigError(f"--height {arguments.height}: the first must be below the second")
    if high - low < resolution:
        raise ConfigError(f"--height {arguments.height}: less than a cell of {resolution:g} high")
    return resolution, (low, high)


def _up(text: str) -> np.ndarray:
    """float64 (3,), unit."""
    import numpy as np

    from mapper.errors import ConfigError

    vector = np.array(_numbers(text, ",", 3, "--up", "0,-1,0"))
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise ConfigError(f"--up {text}: it has no direction")
    return np.asarray(vector / length)


def _numbers(text: str, separator: str, count: int, option: str, example: str) -> list[float]:
    from mapper.errors import ConfigError

    try:
        values = [float(part) for part in text.split(separator)]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise ConfigError(f"{option} {text}: give it like {option}={example}")
    return values

"""mapper screenshot: a picture of the map of a run, made without a display."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mapper.commands.options import add_run

if TYPE_CHECKING:
    import numpy as np

    from mapper.core.mesh import Mesh
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper screenshot runs/desk desk.png
  mapper screenshot runs/desk desk.jpg --from camera --size 1920x1080
"""
MAX_SIDE = 8192
SUFFIXES = (".png", ".jpg", ".jpeg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="picture to write, .png or .jpg")
    parser.add_argument(
        "--from",
        dest="place",
        choices=("outside", "above", "camera"),
        default="outside",
        help="where to look from: outside and above, straight above, or the first camera",
    )
    parser.add_argument("--size", default="1280x800", metavar="WxH", help="pixels (1280x800)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier picture")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.errors import ConfigError
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way

    width, height = _size(arguments.size)
    suffix = arguments.out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{arguments.out}: a picture ends in {', '.join(SUFFIXES)}")
    run = RunDirectory.open(arguments.run)
    make_way(arguments.out, arguments.overwrite)
    with writing_into(run, arguments.out):
        _write(run, arguments.out, arguments.place, (width, height))
    if arguments.json:
        print(json.dumps({"picture": str(arguments.out), "width": width, "height": height}))
    else:
        print(f"  {arguments.out}")
    return 0


def _write(run: RunDirectory, out: Path, place: str, size: tuple[int, int]) -> None:
    import cv2

    from mapper.io.meshes.mesh_files import read_mesh
    from mapper.runtime.atomic_files import atomic_write

    picture = render(run, read_mesh(run.mesh), place, size)
    encoded = cv2.imencode(out.suffix.lower(), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    with atomic_write(out, "wb") as file:
        file.write(encoded.tobytes())


def render(run: RunDirectory, mesh: Mesh, place: str, size: tuple[int, int]) -> np.ndarray:
    """Picture uint8 (height, width, 3), RGB, of a run's mesh. size: (width, height)."""
    from mapper.io.trajectory_files import read_tum
    from mapper.report.mesh_picture import estimate_up, render_mesh, render_mesh_top

    x, y, z = estimate_up(mesh).tolist()
    if place == "above":
        return render_mesh_top(mesh, *size, up=(x, y, z))
    if place == "camera":
        return render_mesh(mesh, *size, T_world_camera=read_tum(run.trajectory).T_world_camera[0])
    return render_mesh(mesh, *size, up=(x, y, z))


def _size(text: str) -> tuple[int, int]:
    from mapper.errors import ConfigError

    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {text}: give it like 1280x800")
    if not (16 <= int(width) <= MAX_SIDE and 16 <= int(height) <= MAX_SIDE):
        raise ConfigError(f"--size {text}: each side must be 16 to {MAX_SIDE} pixels")
    return int(width), int(height)

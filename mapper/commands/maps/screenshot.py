"""mapper screenshot: a picture or a film of the map of a run, made without a display."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_run

if TYPE_CHECKING:
    import numpy as np

    from mapper.core.mesh import Mesh
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper screenshot runs/desk desk.png
  mapper screenshot runs/desk desk.jpg --from camera --size 1920x1080
  mapper screenshot runs/desk desk.mp4                       once around the map
  mapper screenshot runs/desk desk.mp4 --path trajectory --seconds 20
"""
MAX_SIDE = 8192
PICTURES = (".png", ".jpg", ".jpeg")
FILM = ".mp4"
PICTURE_SIZE, FILM_SIZE = "1280x800", "960x600"
SECONDS, FPS = 8.0, 24
MAX_FRAMES, MAX_FPS = 20_000, 120
RECORDED_VIEW = 55.0  # degrees, vertical: with less one sees little from within a room


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="file to write: .png, .jpg, .mp4")
    parser.add_argument(
        "--from",
        dest="place",
        choices=("outside", "above", "camera"),
        help="of a picture: from outside and above, straight above, or the first camera (outside)",
    )
    parser.add_argument(
        "--path",
        choices=("orbit", "trajectory"),
        help="of a film: around the map, or the way of the camera (orbit)",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help=f"of a film ({SECONDS:g})")
    parser.add_argument("--fps", type=int, metavar="N", help=f"of a film ({FPS})")
    parser.add_argument(
        "--size", metavar="WxH", help=f"pixels ({PICTURE_SIZE}; of a film {FILM_SIZE})"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way

    out = arguments.out
    is_film = _is_film(arguments)
    frames = _frame_count(arguments) if is_film else 0
    width, height = _size(arguments.size, is_film)
    run = RunDirectory.open(arguments.run)
    make_way(out, arguments.overwrite)
    with writing_into(run, out):
        if is_film:
            _write_film(run, arguments, (width, height), frames)
        else:
            _write_picture(run, out, arguments.place or "outside", (width, height))
    told: dict[str, Any] = {"film" if is_film else "picture": str(out)}
    told |= {"width": width, "height": height} | ({"frames": frames} if is_film else {})
    print(json.dumps(told) if arguments.json else f"  {out}")
    return 0


def _write_picture(run: RunDirectory, out: Path, place: str, size: tuple[int, int]) -> None:
    import cv2

    from mapper.io.meshes.mesh_files import read_mesh
    from mapper.runtime.atomic_files import atomic_write

    picture = render(run, read_mesh(run.mesh), place, size)
    encoded = cv2.imencode(out.suffix.lower(), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    with atomic_write(out, "wb") as file:
        file.write(encoded.tobytes())


def render(run: RunDirectory, mesh: Mesh, place: str, size: tuple[int, int]) -> np.ndarray:
    """Picture uint8 (height, width, 3), RGB, of a run's mesh. size: (width, height)."""
    from mapper.backend.fusion.upright import estimate_up, held_up
    from mapper.io.trajectory_files import read_tum
    from mapper.report.mesh_picture import render_mesh, render_mesh_top

    poses = read_tum(run.trajectory).T_world_camera
    x, y, z = estimate_up(mesh, held_up(poses)).tolist()
    if place == "above":
        return render_mesh_top(mesh, *size, up=(x, y, z))
    if place == "camera":
        return render_mesh(mesh, *size, T_world_camera=poses[0])
    return render_mesh(mesh, *size, up=(x, y, z))


def _write_film(
    run: RunDirectory, arguments: argparse.Namespace, size: tuple[int, int], frames: int
) -> None:
    from tqdm import tqdm

    from mapper.report.film import write_film

    fps = arguments.fps or FPS
    with tqdm(total=frames, unit=" frames", disable=arguments.json or None, leave=False) as bar:

        def counted() -> Iterator[np.ndarray]:
            path = arguments.path or "orbit"
            for picture in film(run, path, size, (frames, frames / fps)):
                yield picture
                bar.update()

        write_film(arguments.out, counted(), size, fps)


def film(
    run: RunDirectory, path: str, size: tuple[int, int], length: tuple[int, float]
) -> Iterator[np.ndarray]:
    """Pictures uint8 (height, width, 3), RGB. length: their number, and the seconds they last."""
    from mapper.backend.fusion.upright import estimate_up, held_up
    from mapper.io.meshes.mesh_files import read_mesh
    from mapper.io.trajectory_files import read_tum
    from mapper.report.camera_path import orbit_poses, recorded_poses
    from mapper.report.mesh_picture import FIELD_OF_VIEW
    from mapper.report.mesh_renderer import MeshRenderer

    mesh = read_mesh(run.mesh)
    renderer = MeshRenderer(mesh, supersampling=1)
    width, height = size
    way = read_tum(run.trajectory)
    if path == "trajectory":
        poses, view = recorded_poses(way, *length), math.radians(RECORDED_VIEW)
    else:
        up = estimate_up(mesh, held_up(way.T_world_camera))
        poses = orbit_poses(mesh, up, length[0], width / height)
        view = FIELD_OF_VIEW
    return (renderer.picture(width, height, T, view) for T in poses)


def _is_film(arguments: argparse.Namespace) -> bool:
    """By the name's end; raises ConfigError where that is another, or an option is of the other."""
    from mapper.errors import ConfigError

    out, suffix = arguments.out, arguments.out.suffix.lower()
    if suffix not in (*PICTURES, FILM):
        raise ConfigError(f"{out}: a picture ends in {', '.join(PICTURES)}, and a film in {FILM}")
    is_film = bool(suffix == FILM)
    if is_film and arguments.place is not None:
        raise ConfigError(f"--from is of pictures, and {out} is a film; it takes --path")
    for name in ("path", "seconds", "fps"):
        if not is_film and getattr(arguments, name) is not None:
            raise ConfigError(f"--{name} is of films; end {out} in {FILM}")
    return is_film


def _frame_count(arguments: argparse.Namespace) -> int:
    from mapper.errors import ConfigError

    seconds = SECONDS if arguments.seconds is None else arguments.seconds
    fps = FPS if arguments.fps is None else arguments.fps
    frames = round(seconds * fps) if math.isfinite(seconds) else 0
    if not (1 <= fps <= MAX_FPS and 2 <= frames <= MAX_FRAMES):
        raise ConfigError(
            f"--seconds {seconds:g} --fps {fps}: a film has 2 to {MAX_FRAMES} frames, and 1 to "
            f"{MAX_FPS} a second"
        )
    return frames


def _size(text: str | None, is_film: bool) -> tuple[int, int]:
    from mapper.errors import ConfigError

    text = text or (FILM_SIZE if is_film else PICTURE_SIZE)
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {text}: give it like 1280x800")
    if not (16 <= int(width) <= MAX_SIDE and 16 <= int(height) <= MAX_SIDE):
        raise ConfigError(f"--size {text}: each side must be 16 to {MAX_SIDE} pixels")
    if is_film and (int(width) % 2 or int(height) % 2):
        raise ConfigError(f"--size {text}: the sides of a film must be even")
    return int(width), int(height)

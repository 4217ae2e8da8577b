"""mapper localize: where photographs or the frames of a sequence were taken in a map."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands import options

if TYPE_CHECKING:
    from mapper.io.sequences.sequence import Sequence
    from mapper.localization.localization import Localization
    from mapper.saved.opened_map import Map

EPILOG = """examples:
  mapper localize runs/kitchen IMG_0412.jpg IMG_0413.jpg
  mapper localize runs/kitchen tomorrow.mp4 --stride 10 --out poses.txt
  mapper localize runs/kitchen redkitchen/seq-02 --json

An image that is not in the map is told so: photographs of other places get no pose.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    options.add_run(parser)
    parser.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="IMAGE",
        help="photographs, or what mapper run takes: folders, videos, datasets; where they have "
        "depth it is used",
    )
    options.add_matcher(parser)
    options.add_frames(parser)
    options.add_cameras(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the poses that were found, TUM format (a photograph's time is its number)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.errors import ConfigError
    from mapper.io.sequences.captures.photograph import is_photograph
    from mapper.report.localizations import localization_as_values, localization_in_words
    from mapper.runtime.existing_files import make_way
    from mapper.saved.opened_map import Map

    if arguments.out is not None:
        if len(arguments.images) > 1 and not all(map(is_photograph, arguments.images)):
            raise ConfigError("--out: poses of one sequence, or of photographs: name one sequence")
        make_way(arguments.out, arguments.overwrite)
    opened = Map.open(arguments.run, arguments.matcher or "auto")
    units = opened.run.read_description().says.units
    told: list[dict[str, Any]] = []
    poses: list[tuple[float, Any]] = []
    for path in arguments.images:
        for each in _located(opened, path, arguments):
            if each.found.T_world_camera is not None:
                time = each.timestamp if each.timestamp is not None else float(len(told))
                poses.append((time, each.found.T_world_camera))
            told.append({"image": each.name, **localization_as_values(each.found)})
            if not arguments.json:
                print(f"{each.name}: {localization_in_words(each.found, units)}", flush=True)
    if arguments.out is not None:
        _write(arguments.out, poses)
    if arguments.json:
        print(json.dumps({"run": str(arguments.run), "units": units, "images": told}))
    else:
        print(f"{len(poses)} of {len(told)} images are in this map")
        if arguments.out is not None:
            print(f"  {arguments.out}")
    return 0


@dataclass(frozen=True, slots=True)
class _Located:
    """timestamp: seconds; None of a photograph by itself."""

    name: str
    timestamp: float | None
    found: Localization


def _located(opened: Map, path: Path, arguments: argparse.Namespace) -> Iterator[_Located]:
    """The images of one path, in their order; those of a sequence that cannot be read are told of
    and left out."""
    from mapper.io.sequences.captures.photograph import is_photograph
    from mapper.localization.walk import carried, each_by_itself

    path = path.expanduser()
    alone = is_photograph(path)
    with closing(_opened(path, alone, arguments)) as sequence:
        if alone:
            yield _Located(str(path), None, opened.localizer.localize(sequence[0]))
            return
        found = each_by_itself(opened.localizer, sequence, _left_out)
        found = carried(opened.localizer, sequence, found)
        for index, place in enumerate(found):
            if place is not None:
                time = float(sequence.timestamps[index])
                yield _Located(_name(sequence, index), time, place)


def _name(sequence: Sequence, index: int) -> str:
    """The image that a frame is read from, else (of a film) the sequence's name and a number."""
    from mapper.io.sequences.captures.photograph import is_photograph

    source_files = getattr(getattr(sequence, "stored", sequence), "source_files", None)
    first = next(iter(source_files(index)), None) if source_files else None
    return str(first) if first and is_photograph(first) else f"{sequence.name} {index}"


def _left_out(error: Exception) -> None:
    print(f"mapper: left out: {error}", file=sys.stderr)


def _opened(path: Path, alone: bool, arguments: argparse.Namespace) -> Sequence:
    from mapper.io.sequences.bounded import BoundedSequence
    from mapper.io.sequences.captures.photograph import open_photograph
    from mapper.io.sequences.depth_readings import depth_camera
    from mapper.io.sequences.open_sequence import open_sequence

    if alone:
        return open_photograph(path, arguments.calib)
    sequence = open_sequence(
        path,
        calibration=arguments.calib,
        start=arguments.start,
        stride=arguments.stride,
        max_frames=arguments.max_frames,
        topics=arguments.topics,
    )
    return BoundedSequence(sequence, 0, depth_camera(sequence, arguments.camera_kind))


def _write(out: Path, poses: list[tuple[float, Any]]) -> None:
    import numpy as np

    from mapper.core.trajectory import Trajectory
    from mapper.io.trajectory_files import write_tum

    times = np.array([time for time, _ in poses], float)
    T_world_camera = np.array([T for _, T in poses], float).reshape(-1, 4, 4)
    write_tum(out, Trajectory(times, T_world_camera))

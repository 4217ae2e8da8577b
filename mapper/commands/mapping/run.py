"""mapper run: map a sequence into a run directory."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands import known_options, options
from mapper.frontends.registry import frontend_help
from mapper.request import RunRequest

if TYPE_CHECKING:
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper run rgbd_dataset_freiburg1_desk/
  mapper run redkitchen/seq-01 --viewer web --set backend.fusion.tsdf.voxel_size=0.01
  mapper run recording/ --calib camera.yaml --out runs/attempt-2
  mapper run scan.r3d --poses prior              the map is tied to ARKit's poses: metres
  mapper run tuesday/ --into runs/monday --out runs/flat    carries on in Monday's map
  mapper run walk.mp4 --gravity imu.csv          the map stands upright: its z is up
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "sequence",
        type=Path,
        metavar="SEQUENCE",
        help="images (depth/ beside them or not), video, ROS bag, a phone's scan, COLMAP or "
        "nerfstudio folder, or a dataset as it was downloaded (docs/inputs.md)",
    )
    parser.add_argument("--frontend", metavar="NAME", help=frontend_help())
    options.add_weights(parser)
    options.add_matcher(parser)
    parser.add_argument(
        "--kv-budget", metavar="SIZE", help="memory for stream3r's or streamvggt's cache, like 8GB"
    )
    options.add_config(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (runs/NAME)")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="RUN",
        help="map into the map of an earlier run: the sequence is found in it first, or refused; "
        "RUN stays as it is, and DIR (RUN+NAME) holds both (docs/maps.md)",
    )
    options.add_frames(parser)
    options.add_cameras(parser)
    parser.add_argument(
        "--mask-dir",
        type=Path,
        metavar="DIR",
        help="a mask for each image, by its name: what is 0 is not used",
    )
    parser.add_argument(
        "--split-360",
        type=int,
        metavar="N",
        help="the images are panoramas of 360 degrees: make N pinhole views of each, 4 to 12",
    )
    parser.add_argument(
        "--registration",
        choices=("auto", "color_to_depth", "depth_to_color", "none"),
        default="auto",
        help="which camera's view to use when depth and colour come from two",
    )
    known_options.add_known(parser)
    known_options.add_measured(parser)
    parser.add_argument(
        "--align",
        choices=("auto", "online", "final", "off", "pairwise"),
        help="global alignment: while mapping and at the end, at the end, not, or the reference's "
        "(auto: at the end, for what comes from a network)",
    )
    options.add_dynamic(parser)
    options.add_viewers(parser)
    parser.add_argument(
        "--save-rrd",
        dest="save_recording",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write run.rrd, for mapper view (default: yes)",
    )
    parser.add_argument("--save-predictions", action="store_true", help="for --frontend replay")
    options.add_target(parser, "interrupted")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.progress import ProgressBar
    from mapper.pipeline import map_into

    stop_on_sigterm()
    request = options.request_of(RunRequest, arguments)
    told = () if arguments.json else (say, ProgressBar)
    if request.into is not None:
        return _into(request, told)
    run, metrics = map_into(request, *told)
    if arguments.json:
        print(json.dumps({"run": str(run.path), **metrics}))
    else:
        print_summary(metrics)
        print("\n".join(f"  {path}" for path in run.outputs()))
        if not metrics["complete"]:
            print(f"stopped early; carry on with: {_resume_line(request, run)}")
    return 0 if metrics["complete"] else 130


def _into(request: RunRequest, told: tuple[Any, ...]) -> int:
    """The same into an old map."""
    from mapper.commands.merged_summary import print_merged
    from mapper.into import map_into_run

    into = map_into_run(request, *told)
    metrics = into.metrics
    if not told:
        print(json.dumps({"run": str(into.run.path), "is_joined": into.is_joined, **metrics}))
    elif into.is_joined:
        print_merged(metrics)
        print_warnings(metrics)
        print("\n".join(f"  {path}" for path in into.run.outputs()))
    else:
        print_summary(metrics)
        print("stopped early; the same command with --resume carries on and joins it to the map")
    return 0 if into.is_joined else 130


def _resume_line(request: RunRequest, run: RunDirectory) -> str:
    """What carries the run on as it was shown and recorded; the run knows its other options."""
    from mapper.saved.resume import resume_command

    more = [] if request.save_recording else ["--no-save-rrd"]
    if request.viewer != "none":
        more += ["--viewer", request.viewer]
    if request.connect is not None:
        more += ["--connect", request.connect]
    return resume_command(request.sequence, run, *more)


def print_summary(metrics: dict[str, Any]) -> None:
    """The figures of a run that matter most, in a few lines."""
    from mapper.report.errors import errors_text
    from mapper.report.knowledge import tied_in_words
    from mapper.report.notes import moved_in_words
    from mapper.report.problems import APART

    print(
        f"  {metrics['tracked']} of {metrics['frames']} frames placed, {metrics['lost']} lost, "
        f"{metrics['skipped']} unreadable; {metrics['keyframes']} keyframes, "
        f"{metrics['loops_accepted']} loops closed"
    )
    print(
        f"  {metrics['fps']:.1f} frames a second ({metrics['wall_time_s']:.1f} s), "
        f"peak memory {metrics['peak_memory_mb']:.0f} MB"
    )
    if metrics.get("apart"):
        print(f"  {metrics['apart']} of the lost frames {APART}")
    for line in (*tied_in_words(metrics), *moved_in_words(metrics)):
        print(f"  {line}")
    if "evaluation" in metrics:
        told = errors_text(metrics["evaluation"], metrics["units"] == "metres")
        print(f"  against ground truth: {told}")
    elif "evaluation_failed" in metrics:
        print(f"  not evaluated: {metrics['evaluation_failed']}")
    print_warnings(metrics)


def print_warnings(metrics: dict[str, Any]) -> None:
    """Why there is little of a map, where there is."""
    from mapper.runtime.terminal import YELLOW, coloured

    for warning in metrics.get("warnings", []):
        print(f"  {coloured('WARNING', YELLOW, sys.stdout)}: {warning}")


def stop_on_sigterm() -> None:
    """Take a polite kill for Ctrl-C, so that what was mapped is written."""
    signal.signal(signal.SIGTERM, _interrupt)


def say(text: str) -> None:
    """Tell the user what is going to be done, at once."""
    print(text, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

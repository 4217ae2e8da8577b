"""mapper live: map what a camera sees while it is held, until someone stops it."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands import options
from mapper.commands.mapping.run import print_summary, say, stop_on_sigterm
from mapper.request import LiveRequest

if TYPE_CHECKING:
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper live --camera 0 --calib camera.yaml --viewer window
  mapper live --camera http://192.168.0.7:8080/stream.mjpg --record walk/ --viewer web
  mapper live --camera realsense --frontend rgbd
  mapper live --camera walk.mp4 --realtime --frontend cut3r-ttsa
  mapper live --camera 0 --out runs/live --resume

Ctrl-C, SIGTERM, --max-seconds or closing the viewer's window end it; everything is written then.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--camera",
        default="0",
        metavar="SOURCE",
        help="0, /dev/video2, rtsp://..., http://.../stream.mjpg, FILE --realtime, "
        "realsense[:SERIAL], or a ROS bag (default: 0)",
    )
    parser.add_argument(
        "--realtime", action="store_true", help="play a video file at its own speed, like a camera"
    )
    options.add_cameras(parser)
    options.add_live(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.progress import ProgressBar
    from mapper.live import map_camera

    stop_on_sigterm()
    told = () if arguments.json else (say, ProgressBar)
    run, metrics = map_camera(options.request_of(LiveRequest, arguments), *told)
    print_live_run(arguments, run, metrics)
    return 0


def print_live_run(
    arguments: argparse.Namespace, run: RunDirectory, metrics: dict[str, Any]
) -> None:
    """What came of it, as JSON where that was asked for."""
    if arguments.json:
        print(json.dumps({"run": str(run.path), **metrics}))
        return
    print_summary(metrics)
    _print_live(metrics, arguments.record)
    print("\n".join(f"  {path}" for path in run.outputs()))


def _print_live(metrics: dict[str, Any], record: Path | None) -> None:
    print(
        f"  {metrics['received']} images came, {metrics['dropped']} dropped for newer ones, "
        f"{metrics['left_out']} tracked but left out of the map, "
        f"{metrics['reconnections']} reconnections"
    )
    if record is not None:
        again = shlex.join(["mapper", "run", str(record)])
        print(f"  recorded: {metrics['recorded']} frames; again with: {again}")

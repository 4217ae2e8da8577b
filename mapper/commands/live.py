"""mapper live: map what a camera sees while it is held, until someone stops it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.run import FRONTEND_HELP, stop_on_sigterm

if TYPE_CHECKING:
    from mapper.config import MapperConfig
    from mapper.frontends.base import Frontend
    from mapper.io.live.source import LiveSource
    from mapper.io.map_logger import MapLogger
    from mapper.run_directory import RunDirectory

EPILOG = """examples:
  mapper live --camera 0 --calib camera.yaml --viewer window
  mapper live --camera http://192.168.0.7:8080/stream.mjpg --record walk/ --viewer web
  mapper live --camera realsense --frontend rgbd
  mapper live --camera walk.mp4 --realtime --frontend cut3r-ttsa

Ctrl-C, SIGTERM, --max-seconds or closing the viewer's window end it; everything is written then.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
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
    parser.add_argument("--frontend", metavar="NAME", help=FRONTEND_HELP)
    parser.add_argument("--weights", metavar="PATH", help="checkpoint, or a published name")
    parser.add_argument("--config", metavar="FILE", help="YAML file, or a profile: fast, fine")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting"
    )
    parser.add_argument("--calib", type=Path, metavar="FILE", help="from mapper calibrate")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (runs/live)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the frames, for mapper run DIR"
    )
    parser.add_argument("--max-seconds", type=float, metavar="S", help="stop after so long")
    parser.add_argument("--viewer", choices=("none", "window", "web"), default="none")
    parser.add_argument(
        "--connect", metavar="URL", help="send to a viewer that runs, rerun+http://HOST:PORT/proxy"
    )


def execute(arguments: argparse.Namespace) -> int:
    from mapper.commands.run import print_summary
    from mapper.config_loader import load_config
    from mapper.frontends.registry import choose_frontend, create_frontend
    from mapper.io.live.open_live import open_live
    from mapper.live import LiveOptions, run_live
    from mapper.run_directory import RunDirectory

    stop_on_sigterm()
    config = load_config(arguments.config, _changes(arguments))
    calibration = _calibration(arguments.calib)
    size = None
    if calibration is not None:
        camera = calibration.color.intrinsics
        size = camera.width, camera.height
    source = open_live(arguments.camera, realtime=arguments.realtime, size=size)
    name, why = choose_frontend(config, source.has_depth)
    frontend = create_frontend(config, name)  # before a folder is made: this may be refused
    run = RunDirectory.create(arguments.out or Path("runs") / "live", arguments.overwrite)
    run.write_description(_describe(arguments, source, frontend, config))
    show = _open_viewer(arguments, config, run)
    if not arguments.json:
        print(f"{source.name}: frontend {name} ({why}); Ctrl-C ends it", flush=True)
    options = LiveOptions(calibration, arguments.record, arguments.max_seconds, arguments.json)
    metrics = run_live(source, frontend, config, run, show, options)
    if arguments.json:
        print(json.dumps({"run": str(run.path), **metrics}))
        return 0
    print_summary(metrics)
    _print_live(metrics, arguments.record)
    print("\n".join(f"  {path}" for path in run.outputs()))
    return 0


def _print_live(metrics: dict[str, Any], record: Path | None) -> None:
    print(
        f"  {metrics['received']} images came, {metrics['dropped']} dropped for newer ones, "
        f"{metrics['left_out']} tracked but left out of the map, "
        f"{metrics['reconnections']} reconnections"
    )
    if record is not None:
        print(f"  recorded: {metrics['recorded']} frames; again with: mapper run {record}")


def _changes(arguments: argparse.Namespace) -> tuple[str, ...]:
    changes = list(arguments.set)
    changes += [f"frontend={arguments.frontend}"] if arguments.frontend else []
    changes += [f"weights={Path(arguments.weights)}"] if arguments.weights else []
    return tuple(changes)


def _calibration(path: Path | None) -> Any:
    from mapper.io.calibration import load_calibration

    return None if path is None else load_calibration(path)


def _open_viewer(
    arguments: argparse.Namespace, config: MapperConfig, run: RunDirectory
) -> MapLogger:
    from mapper.io.rerun_logger import RerunLogger

    show = RerunLogger(
        run.recording,
        arguments.viewer,
        recording_id=run.path.name,
        image_every=config.recording.image_every,
        connect=arguments.connect,
    )
    if show.url is not None and not arguments.json:
        print(f"viewer: {show.url}")
        print(f"to look from another machine, there first: {show.tunnel}", flush=True)
    return show


def _describe(
    arguments: argparse.Namespace, source: LiveSource, frontend: Frontend, config: MapperConfig
) -> dict[str, Any]:
    from mapper.config_loader import to_mapping
    from mapper.versions import versions

    kept = arguments.record.resolve() if arguments.record else None
    return {
        "sequence": {
            "name": kept.name if kept else "live",
            "kind": "live",
            "camera": source.name,
            "path": str(kept or source.name),
            "start": 0,
            "stride": 1,
            "max_frames": None,
            "calibration": str(arguments.calib) if arguments.calib else None,
            "registration": "none",
            "fingerprint": "live",
        },
        "frontend": frontend.name,
        "weights": str(getattr(frontend, "weights", "")) or None,
        "units": "metres" if frontend.is_metric else "units",
        "versions": versions(),
        "config": to_mapping(config),
    }

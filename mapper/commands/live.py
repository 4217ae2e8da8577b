"""mapper live: map what a camera sees while it is held, until someone stops it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mapper.commands.mesh import positive
from mapper.commands.run import FRONTEND_HELP, print_summary, stop_on_sigterm

if TYPE_CHECKING:
    from mapper.config.settings import MapperConfig
    from mapper.frontends.base import Frontend
    from mapper.io.cameras.calibration import Calibration
    from mapper.io.live.source import LiveSource
    from mapper.io.viewer.map_logger import MapLogger
    from mapper.run.directory import RunDirectory
    from mapper.saved.live_resume import LivePast

DEFAULT_OUT: Final = Path("runs") / "live"
EPILOG = """examples:
  mapper live --camera 0 --calib camera.yaml --viewer window
  mapper live --camera http://192.168.0.7:8080/stream.mjpg --record walk/ --viewer web
  mapper live --camera realsense --frontend rgbd
  mapper live --camera walk.mp4 --realtime --frontend cut3r-ttsa
  mapper live --camera 0 --out runs/live --resume

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
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--resume", action="store_true", help="carry on an earlier live run")
    target.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the frames, for mapper run DIR"
    )
    parser.add_argument("--max-seconds", type=positive, metavar="S", help="stop after so long")
    parser.add_argument("--viewer", choices=("none", "window", "web"), default="none")
    parser.add_argument(
        "--connect", metavar="URL", help="send to a viewer that runs, rerun+http://HOST:PORT/proxy"
    )


def execute(arguments: argparse.Namespace) -> int:
    from mapper.frontends.registry import choose_frontend, create_frontend
    from mapper.io.live.capture import LiveCapture
    from mapper.io.live.open_live import open_live
    from mapper.io.live.recording import refuse_used
    from mapper.live import LiveOptions, run_live
    from mapper.saved.live_resume import read_past, reopen

    stop_on_sigterm()
    before = reopen(arguments.out or DEFAULT_OUT) if arguments.resume else None
    config = _config(arguments, before)
    calibration = _calibration(arguments, before)
    size = None
    if calibration is not None:
        camera = calibration.color.intrinsics
        size = camera.width, camera.height
    source = open_live(arguments.camera, realtime=arguments.realtime, size=size)
    name, why = choose_frontend(config, source.has_depth)
    frontend = create_frontend(config, name)
    past = None if before is None else read_past(before)
    if arguments.record is not None:
        refuse_used(arguments.record)
    with LiveCapture(source) as capture:  # all that may fail, before a former run is touched
        run = _begin(arguments, before, past, _describe(arguments, source, frontend, config))
        show = _open_viewer(arguments, config, run)
        if not arguments.json:
            print(f"{source.name}: frontend {name} ({why}); Ctrl-C ends it", flush=True)
        options = LiveOptions(
            calibration, arguments.record, arguments.max_seconds, arguments.json, past
        )
        metrics = run_live(capture, frontend, config, run, show, options)
    _print(arguments, run, metrics)
    return 0


def _print(arguments: argparse.Namespace, run: RunDirectory, metrics: dict[str, Any]) -> None:
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
        print(f"  recorded: {metrics['recorded']} frames; again with: mapper run {record}")


def _changes(arguments: argparse.Namespace) -> tuple[str, ...]:
    changes = list(arguments.set)
    changes += [f"frontend={arguments.frontend}"] if arguments.frontend else []
    changes += [f"weights={Path(arguments.weights)}"] if arguments.weights else []
    return tuple(changes)


def _config(arguments: argparse.Namespace, before: RunDirectory | None) -> MapperConfig:
    from mapper.config.loader import load_config
    from mapper.saved.live_resume import settings_of

    changes = _changes(arguments)
    config = load_config(arguments.config, changes)
    if before is None:
        return config
    return settings_of(before, config, bool(arguments.config or changes))


def _calibration(arguments: argparse.Namespace, before: RunDirectory | None) -> Calibration | None:
    """As given; else, where a run is carried on with its own camera, as then."""
    from mapper.io.cameras.calibration import load_calibration

    path = arguments.calib
    if path is None and before is not None:
        stored = before.read_description()["sequence"]
        path = stored["calibration"] if stored.get("camera") == arguments.camera else None
    return None if path is None else load_calibration(Path(path))


def _begin(
    arguments: argparse.Namespace,
    before: RunDirectory | None,
    past: LivePast | None,
    description: dict[str, Any],
) -> RunDirectory:
    """The directory to write to: a new one, or that of the run that is carried on."""
    from mapper.run.directory import RunDirectory
    from mapper.saved.live_resume import set_aside

    if before is not None:
        set_aside(before, past)
        return before
    run = RunDirectory.create(arguments.out or DEFAULT_OUT, arguments.overwrite)
    run.write_description(description)
    return run


def _open_viewer(
    arguments: argparse.Namespace, config: MapperConfig, run: RunDirectory
) -> MapLogger:
    from mapper.io.viewer.rerun_logger import RerunLogger

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
    from mapper.config.loader import to_mapping
    from mapper.runtime.versions import versions
    from mapper.saved.live_resume import LIVE

    kept = arguments.record.resolve() if arguments.record else None
    return {
        "sequence": {
            "name": kept.name if kept else "live",
            "kind": LIVE,
            "camera": source.name,
            "path": str(kept or source.name),
            "start": 0,
            "stride": 1,
            "max_frames": None,
            "calibration": str(arguments.calib) if arguments.calib else None,
            "registration": "none",
            "fingerprint": LIVE,
        },
        "frontend": frontend.name,
        "weights": str(getattr(frontend, "weights", "")) or None,
        "units": "metres" if frontend.is_metric else "units",
        "versions": versions(),
        "config": to_mapping(config),
    }

"""mapper run: map a sequence into a run directory."""

from __future__ import annotations

import argparse
import json
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mapper.config import MapperConfig
    from mapper.frontends.base import Frontend
    from mapper.io.sequence import Sequence
    from mapper.run_directory import RunDirectory

FRONTEND_HELP = "rgbd, cut3r, cut3r-ttsa, cut3r-ttt, cut3r-damped, replay, or auto (default)"
EPILOG = """examples:
  mapper run rgbd_dataset_freiburg1_desk/
  mapper run redkitchen/seq-01 --viewer web --set backend.fusion.tsdf.voxel_size=0.01
  mapper run recording/ --calib camera.yaml --out runs/attempt-2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "sequence",
        type=Path,
        metavar="SEQUENCE",
        help="TUM, 7-Scenes or KITTI folder, folder of images (depth/ beside it or not), or video",
    )
    parser.add_argument("--frontend", metavar="NAME", help=FRONTEND_HELP)
    parser.add_argument(
        "--weights", metavar="PATH", help="checkpoint of a learned frontend, or a published name"
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file, or a profile: fast, fine")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting, e.g. backend.fusion.tsdf.voxel_size=0.01 (repeatable)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (runs/NAME)")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="take every N-th frame")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="first frame")
    parser.add_argument("--max-frames", type=int, metavar="N", help="stop after N frames")
    parser.add_argument("--calib", type=Path, metavar="FILE", help="camera calibration, YAML")
    parser.add_argument(
        "--registration",
        choices=("auto", "color_to_depth", "depth_to_color", "none"),
        default="auto",
        help="which camera's view to use when depth and colour come from two",
    )
    parser.add_argument("--viewer", choices=("none", "window", "web"), default="none")
    parser.add_argument("--save-predictions", action="store_true", help="for --frontend replay")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--resume", action="store_true", help="carry on an interrupted run")
    target.add_argument("--overwrite", action="store_true", help="replace an earlier run")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to map and where to: the options of `mapper run`, by the same names.

    changes: settings like "backend.fusion.tsdf.voxel_size=0.01". quiet: print nothing.
    """

    sequence: Path
    out: Path | None = None
    config: str | None = None
    changes: tuple[str, ...] = ()
    calib: Path | None = None
    registration: str = "auto"
    start: int = 0
    stride: int = 1
    max_frames: int | None = None
    viewer: Literal["none", "window", "web"] = "none"
    save_predictions: bool = False
    resume: bool = False
    overwrite: bool = False
    quiet: bool = False


def execute(arguments: argparse.Namespace) -> int:
    stop_on_sigterm()
    request = _request(arguments)
    run, metrics = map_into(request)
    if arguments.json:
        print(json.dumps({"run": str(run.path), **metrics}))
    else:
        print_summary(metrics)
        print("\n".join(f"  {path}" for path in run.outputs()))
        if not metrics["complete"]:
            print(
                f"stopped early; carry on with: "
                f"mapper run {request.sequence} --out {run.path} --resume"
            )
    return 0 if metrics["complete"] else 130


def map_into(request: RunRequest) -> tuple[RunDirectory, dict[str, Any]]:
    """Map a sequence into a run directory; returns it and the metrics that it holds."""
    from mapper.config_loader import load_config
    from mapper.frontends.registry import (
        check_frontend,
        choose_frontend,
        create_frontend,
        sees_raw_images,
    )
    from mapper.pipeline import RunOptions, run_sequence
    from mapper.progress import NullProgress, ProgressBar
    from mapper.run_directory import RunDirectory

    config = load_config(request.config, request.changes)
    check_frontend(config.frontend)
    if request.registration == "auto" and sees_raw_images(config.frontend):
        request = replace(request, registration="none")
    sequence = _open_sequence(request)
    out = request.out or Path("runs") / sequence.name
    run = RunDirectory.open(out) if request.resume else None
    if run is not None:
        request = _as_before(request, run)
        sequence = _open_sequence(request)
        config = _stored_config(request, run, sequence, config)
        if (metrics := run.read_json(run.metrics)).get("complete"):
            _say(request, f"{run.path}: this run is complete already")
            return run, metrics
    name, why = choose_frontend(config, sequence.has_depth)
    frontend = create_frontend(config, name)  # before a folder is made: this may be refused
    if run is None:
        _keep_predictions(config, out)
        run = RunDirectory.create(out, request.overwrite)
        run.write_description(_describe(request, sequence, frontend, config))
    _say(
        request,
        f"{sequence.kind} sequence {sequence.name}: {len(sequence)} frames; "
        f"frontend {name} ({why})",
    )
    options = RunOptions(request.viewer, request.resume, request.save_predictions)
    bar = NullProgress() if request.quiet else ProgressBar(len(sequence))
    metrics = run_sequence(sequence, frontend, config, run, options, bar)
    sequence.close()
    return run, metrics


def _open_sequence(request: RunRequest) -> Sequence:
    from mapper.io.open_sequence import open_sequence

    return open_sequence(
        request.sequence,
        calibration=request.calib,
        registration=request.registration,
        start=request.start,
        stride=request.stride,
        max_frames=request.max_frames,
    )


def _as_before(request: RunRequest, run: RunDirectory) -> RunRequest:
    """The request with the frames and cameras of the run that is to be resumed.

    They need not be given again; given otherwise, they are refused.
    """
    from mapper.errors import ConfigError

    stored = run.read_description()["sequence"]
    calibration = stored["calibration"]
    before = {
        "start": stored["start"],
        "stride": stored["stride"],
        "max_frames": stored["max_frames"],
        "registration": stored["registration"],
        "calib": Path(calibration) if calibration else None,
    }
    unset = RunRequest(request.sequence)
    for name, value in before.items():
        given = getattr(request, name)
        if given not in (getattr(unset, name), value) and name != "registration":
            raise ConfigError(
                f"{run.path} was made with --{name.replace('_', '-')} {value}, not {given}: "
                "leave the option out to resume"
            )
    return replace(request, **before, save_predictions=stored.get("save_predictions", False))


def _keep_predictions(config: MapperConfig, out: Path) -> None:
    """Refuse to overwrite the very run whose predictions are to be replayed."""
    from mapper.errors import ConfigError

    predictions = config.replay.predictions
    if predictions and out.resolve() in Path(predictions).resolve().parents:
        raise ConfigError(
            f"{predictions} lies in {out}, which would be replaced: choose another --out"
        )


def print_summary(metrics: dict[str, Any]) -> None:
    """The figures of a run that matter most, in a few lines."""
    print(
        f"  {metrics['tracked']} of {metrics['frames']} frames placed, {metrics['lost']} lost, "
        f"{metrics['skipped']} unreadable; {metrics['keyframes']} keyframes, "
        f"{metrics['loops_accepted']} loops closed"
    )
    print(
        f"  {metrics['fps']:.1f} frames a second ({metrics['wall_time_s']:.1f} s), "
        f"peak memory {metrics['peak_memory_mb']:.0f} MB"
    )
    if "evaluation" in metrics:
        evaluation = metrics["evaluation"]
        print(
            f"  against ground truth: ATE {evaluation['ate_se3']['rmse'] * 100:.2f} cm, "
            f"RPE {evaluation['rpe_translation_rmse'] * 1000:.2f} mm "
            f"{evaluation['rpe_rotation_rmse_deg']:.3f} deg a frame, "
            f"coverage {evaluation['coverage']:.0%}"
        )
    elif "evaluation_failed" in metrics:
        print(f"  not evaluated: {metrics['evaluation_failed']}")


def stop_on_sigterm() -> None:
    """Take a polite kill for Ctrl-C, so that what was mapped is written."""
    signal.signal(signal.SIGTERM, _interrupt)


def _request(arguments: argparse.Namespace) -> RunRequest:
    changes = list(arguments.set)
    if arguments.frontend:
        changes.append(f"frontend={arguments.frontend}")
    if arguments.weights:
        changes.append(f"weights={Path(arguments.weights)}")
    return RunRequest(
        arguments.sequence,
        arguments.out,
        arguments.config,
        tuple(changes),
        arguments.calib,
        arguments.registration,
        arguments.start,
        arguments.stride,
        arguments.max_frames,
        arguments.viewer,
        arguments.save_predictions,
        arguments.resume,
        arguments.overwrite,
        arguments.json,
    )


def _stored_config(
    request: RunRequest, run: RunDirectory, sequence: Sequence, config: MapperConfig
) -> MapperConfig:
    """The settings that an interrupted run was made with; others, or another input, are refused."""
    from mapper.config_loader import from_mapping, to_mapping
    from mapper.io.fingerprint import fingerprint
    from mapper.pipeline import check_same_input

    if not (request.config or request.changes):
        config = from_mapping(type(config), run.read_description()["config"])
    check_same_input(run, fingerprint(sequence), to_mapping(config))
    return config


def _describe(
    request: RunRequest, sequence: Sequence, frontend: Frontend, config: MapperConfig
) -> dict[str, Any]:
    from mapper.config_loader import to_mapping
    from mapper.io.fingerprint import fingerprint
    from mapper.versions import versions

    return {
        "sequence": {
            "name": sequence.name,
            "kind": sequence.kind,
            "path": str(request.sequence.resolve()),
            "frames": len(sequence),
            "start": request.start,
            "stride": request.stride,
            "max_frames": request.max_frames,
            "calibration": str(request.calib) if request.calib else None,
            "registration": request.registration,
            "save_predictions": request.save_predictions,
            "fingerprint": fingerprint(sequence),
        },
        "frontend": frontend.name,
        "weights": str(getattr(frontend, "weights", "")) or None,
        "units": "metres" if frontend.is_metric else "units",
        "versions": versions(),
        "config": to_mapping(config),
    }


def _say(request: RunRequest, text: str) -> None:
    if not request.quiet:
        print(text, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

"""mapper run: map a sequence into a run directory."""

from __future__ import annotations

import argparse
import json
import signal
from pathlib import Path
from typing import Any

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
    parser.add_argument("--frontend", metavar="NAME", help="rgbd, replay, or auto (default)")
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


def execute(arguments: argparse.Namespace) -> int:
    from mapper.config_loader import from_mapping, load_config, to_mapping
    from mapper.frontends.registry import check_frontend, choose_frontend
    from mapper.io.fingerprint import fingerprint
    from mapper.io.open_sequence import open_sequence
    from mapper.pipeline import RunOptions, check_same_input, run_sequence
    from mapper.progress import NullProgress, ProgressBar
    from mapper.run_directory import RunDirectory

    changes = list(arguments.set)
    if arguments.frontend:
        changes.append(f"frontend={arguments.frontend}")
    config = load_config(arguments.config, changes)
    check_frontend(config.frontend)
    sequence = open_sequence(
        arguments.sequence,
        calibration=arguments.calib,
        registration=arguments.registration,
        start=arguments.start,
        stride=arguments.stride,
        max_frames=arguments.max_frames,
    )
    frontend, why = choose_frontend(config, sequence.has_depth)
    out = arguments.out or Path("runs") / sequence.name
    if arguments.resume:
        run = RunDirectory.open(out)
        if arguments.config or changes:
            check_same_input(run, fingerprint(sequence), to_mapping(config))
        else:
            config = from_mapping(type(config), run.read_description()["config"])
            check_same_input(run, fingerprint(sequence), to_mapping(config))
        if run.read_json(run.metrics).get("complete"):
            _say(arguments, f"{out}: this run is complete; look at {run.report}")
            return 0
    else:
        run = RunDirectory.create(out, arguments.overwrite)
        run.write_description(_describe(arguments, sequence, frontend, config))
    _say(
        arguments,
        f"{sequence.kind} sequence {sequence.name}: {len(sequence)} frames; "
        f"frontend {frontend} ({why})",
    )
    signal.signal(signal.SIGTERM, _interrupt)
    options = RunOptions(arguments.viewer, arguments.resume, arguments.save_predictions)
    bar = NullProgress() if arguments.json else ProgressBar(len(sequence))
    metrics = run_sequence(sequence, config, run, options, bar)
    sequence.close()
    if arguments.json:
        print(json.dumps({"run": str(run.path), **metrics}))
    else:
        print_summary(metrics)
        print("\n".join(f"  {path}" for path in run.outputs()))
        if not metrics["complete"]:
            print(
                f"stopped early; carry on with: mapper run {arguments.sequence} --out {out} --resume"
            )
    return 0 if metrics["complete"] else 130


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


def _describe(
    arguments: argparse.Namespace, sequence: Any, frontend: str, config: Any
) -> dict[str, Any]:
    from mapper.config_loader import to_mapping
    from mapper.io.fingerprint import fingerprint
    from mapper.versions import versions

    return {
        "sequence": {
            "name": sequence.name,
            "kind": sequence.kind,
            "path": str(arguments.sequence.resolve()),
            "frames": len(sequence),
            "start": arguments.start,
            "stride": arguments.stride,
            "max_frames": arguments.max_frames,
            "calibration": str(arguments.calib) if arguments.calib else None,
            "registration": arguments.registration,
            "fingerprint": fingerprint(sequence),
        },
        "frontend": frontend,
        "weights": None,
        "units": "metres",
        "versions": versions(),
        "config": to_mapping(config),
    }


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.json:
        print(text, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

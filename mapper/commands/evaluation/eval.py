"""mapper eval: errors of a run against ground truth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.core.trajectory import Trajectory
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper eval runs/desk
  mapper eval runs/phone --ground-truth mocap.txt --json

ATE: distance of camera centres after the best rigid, SE(3), and the best similarity, Sim(3),
alignment. RPE: error of the motion from each pose to the next. A camera that stands still fixes
no alignment: then spread about the true poses, and drift, the error of the motion from the first
to the last. Also written to RUN/eval.json.
"""
RESULT = "eval.json"

# Rows of the table: label, keys into what judge() found, factor, how the number is written. Those
# of a camera that stood still are other ones than those of one that moved.
ROWS: tuple[tuple[str, tuple[str, ...], float, str], ...] = (
    ("coverage", ("coverage",), 100, "{:.1f} %"),
    ("ATE SE(3)   rmse", ("ate_se3", "rmse"), 100, "{:.2f} cm"),
    ("            mean", ("ate_se3", "mean"), 100, "{:.2f} cm"),
    ("            median", ("ate_se3", "median"), 100, "{:.2f} cm"),
    ("            max", ("ate_se3", "max"), 100, "{:.2f} cm"),
    ("ATE Sim(3)  rmse", ("ate_sim3", "rmse"), 100, "{:.2f} cm"),
    ("            scale", ("ate_sim3", "scale"), 1, "{:.5f}   "),
    ("spread      translation", ("spread_translation",), 1000, "{:.2f} mm"),
    ("            rotation", ("spread_rotation_deg",), 1, "{:.3f} deg"),
    ("drift       translation", ("drift_translation",), 1000, "{:.2f} mm"),
    ("            rotation", ("drift_rotation_deg",), 1, "{:.3f} deg"),
    ("RPE rmse    translation", ("rpe_translation_rmse",), 1000, "{:.2f} mm"),
    ("            rotation", ("rpe_rotation_rmse_deg",), 1, "{:.3f} deg"),
)
COLUMNS = {"frames": "all frames", "keyframes": "keyframes"}
WIDTH = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="FILE",
        help="true poses, TUM format (default: groundtruth.txt of the run)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.run.directory import RunDirectory

    run = RunDirectory.open(arguments.run)
    result = evaluate_run(run, arguments.ground_truth)
    if arguments.json:
        print(json.dumps(result))
    else:
        _print_table(result)
    _write(run, result)
    if not arguments.json:
        print(f"\n  {run.path / RESULT}")
    return 0


def _write(run: RunDirectory, result: dict[str, Any]) -> None:
    """eval.json; while somebody else writes into the run, the figures were shown and no more."""
    from mapper.run.ownership import AGAIN, reopened

    with reopened(run.path, AGAIN):
        run.write_json(run.path / RESULT, result)


def evaluate_run(run: RunDirectory, ground_truth: Path | None = None) -> dict[str, Any]:
    """Errors of all frames and of the keyframes, as in eval.json.

    InputError where all frames cannot be judged; keyframes that cannot hold {"failed": reason}.
    """
    from mapper.errors import InputError
    from mapper.saved.results import (
        expected_frames,
        is_complete,
        load_trajectories,
    )

    described = run.read_description().says
    path = _ground_truth(run, ground_truth)
    truth = _read_truth(path)
    frames, keyframes = load_trajectories(run)
    is_metric = described.units == "metres"
    result: dict[str, Any] = {
        "sequence": described.sequence.name,
        "ground_truth": str(path.resolve()),
        "complete": is_complete(run),
        "units": described.units,
        "frames": _errors(frames, truth, expected_frames(run), is_metric),
    }
    try:
        result["keyframes"] = _errors(keyframes, truth, len(keyframes), is_metric)
    except InputError as error:
        result["keyframes"] = {"failed": str(error)}
    return result


def _ground_truth(run: RunDirectory, given: Path | None) -> Path:
    from mapper.errors import InputError

    if given is None and not run.ground_truth.exists():
        raise InputError(
            f"{run.path} has no groundtruth.txt: name the true poses with --ground-truth FILE "
            "(TUM format)"
        )
    return given or run.ground_truth


def _read_truth(path: Path) -> Trajectory:
    from mapper.io.sequences.truth_files import read_truth

    return read_truth(path)[0]


def _errors(
    estimate: Trajectory, truth: Trajectory, expected: int, is_metric: bool
) -> dict[str, Any]:
    from mapper.evaluate.metrics.standstill import judge

    return judge(estimate, truth, expected_frames=expected, is_metric=is_metric).to_dict()


def _print_table(result: dict[str, Any]) -> None:
    from mapper.report.errors import stood_still

    judged = {name: result[name] for name in COLUMNS if "failed" not in result[name]}
    state = "" if result["complete"] else " (interrupted run)"
    print(f"{result['sequence']}{state} against {result['ground_truth']}\n")
    print(f"{'':<24}" + "".join(f"{COLUMNS[name]:>{WIDTH}}" for name in judged))
    matched = [f"{e['matched_poses']} of {e['expected_poses']}" for e in judged.values()]
    print(f"{'poses matched':<24}" + "".join(f"{text:>{WIDTH}}" for text in matched))
    for label, keys, factor, form in ROWS:
        values = [_value(e, keys) for e in judged.values()]
        if values[0] is None:  # of all frames, which say whether the camera stood still
            continue
        cells = ["-" if value is None else form.format(factor * value) for value in values]
        print(f"{label:<24}" + "".join(f"{cell:>{WIDTH}}" for cell in cells).rstrip())
    if stood_still(result["frames"]):
        print("\nthe camera stood still, so there is no ATE")
    if "failed" in result["keyframes"]:
        print(f"\nkeyframes alone: not judged, {result['keyframes']['failed']}")
    if result["units"] != "metres":
        print(
            "\nthe map has no metric scale: look at ATE Sim(3), at coverage, and at RPE, which is "
            "at the scale that fits"
        )


def _value(errors: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    """None where these errors have no such figure."""
    value: Any = errors
    for key in keys:
        value = value.get(key, {})
    return float(value) if value != {} else None

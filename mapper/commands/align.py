"""mapper align: align the keyframes of a run globally, and fuse its map anew."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapper.backend.backend import BackendConfig
    from mapper.realignment import Realignment
    from mapper.run_directory import RunDirectory

EPILOG = """examples:
  mapper align runs/desk
  mapper align runs/desk --set alignment.rounds=8 --set alignment.refine_focal=true

Compares every keyframe with those that see the same, densely, and moves all of them, and a smooth
correction of their depth, to where they agree best. Works on finished and on interrupted runs;
trajectories, mesh and cloud are written over. A keyframe file that cannot be read is named and
left out.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one of the run's backend settings, e.g. alignment.rounds=8 (repeatable)",
    )


def execute(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from mapper.errors import InputError
    from mapper.realignment import realign, write_realignment
    from mapper.run_directory import RunDirectory

    started = time.perf_counter()
    run = RunDirectory.open(arguments.run)
    config = _config(run, arguments.set)
    with tqdm(unit=" round", disable=arguments.json or None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        result = realign(run, config, progress)
    if result.settlement.alignment is None:
        raise InputError(f"{run.path}: the alignment failed, and the run is left as it was")
    write_realignment(run, result)
    summary = {**_summary(run, result), "seconds": time.perf_counter() - started}
    run.write_json(run.path / "alignment.json", summary)
    print(json.dumps(summary)) if arguments.json else _print(run, summary)
    return 0


def _config(run: RunDirectory, changes: list[str]) -> BackendConfig:
    """The settings that the run was made with, changed by --set."""
    from mapper.backend.backend import BackendConfig
    from mapper.config_loader import changed, from_mapping
    from mapper.errors import InputError

    try:
        stored = run.read_description()["config"]["backend"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{run.path / 'run.yaml'}: config.backend is missing") from error
    return from_mapping(BackendConfig, changed(stored, changes))


def _summary(run: RunDirectory, result: Realignment) -> dict[str, Any]:
    alignment = result.settlement.alignment
    assert alignment is not None
    summary: dict[str, Any] = {
        "keyframes": len(result.saved.keyframes),
        "left_out": result.left_out,
        "pairs": len(result.saved.pairs),
        "matches": alignment.matches,
        "costs": alignment.costs,
        "converged": alignment.converged,
        "focal_factor": alignment.focal_factor,
    }
    if run.ground_truth.exists():
        from mapper.commands.eval import evaluate_run

        summary["evaluation"] = evaluate_run(run)
    return summary


def _print(run: RunDirectory, summary: dict[str, Any]) -> None:
    print(
        f"{summary['keyframes']} keyframes aligned over {summary['pairs']} pairs, "
        f"{summary['matches']} matches ({summary['seconds']:.1f} s)"
    )
    if not summary["converged"]:
        print("not settled yet: run again with --set alignment.rounds=8")
    if summary["left_out"]:
        print(f"left out, unreadable: keyframes {', '.join(map(str, summary['left_out']))}")
    if "evaluation" in summary:
        frames = summary["evaluation"]["frames"]
        print(
            f"  against ground truth: ATE {frames['ate_se3']['rmse'] * 100:.2f} cm, "
            f"up to scale {frames['ate_sim3']['rmse'] * 100:.2f} cm"
        )
    for path in (run.trajectory, run.keyframe_trajectory, run.mesh, run.cloud):
        print(f"  {path}")
    print("report.html, metrics.json and run.rrd still show the run as it was mapped")

"""mapper align: align the keyframes of a run globally, and fuse its map anew."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.commands.mapping.run import print_warnings
from mapper.commands.options import add_changes, add_run

if TYPE_CHECKING:
    from mapper.run.directory import RunDirectory

logger = logging.getLogger(__name__)

EPILOG = """examples:
  mapper align runs/desk
  mapper align runs/desk --set alignment.rounds=8 --set alignment.refine_focal=always

Compares every keyframe with those that see the same, densely, and moves all of them, and a smooth
correction of their depth, to where they agree best. Works on finished and on interrupted runs, and
where the sequence is gone. Trajectories, mesh, cloud, metrics.json and report.html are written
over, all of them or, if it is stopped, none; run.aligned.rrd completes run.rrd. Times, counts of
frames and memory stay those of the mapping. A keyframe file that cannot be read is named and left
out. This is for what networks predict: the map of a depth camera is mostly better without.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    add_changes(
        parser,
        "change one of the run's backend settings, e.g. alignment.rounds=8 (repeatable)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import stop_on_sigterm
    from mapper.run.ownership import AGAIN, reopened

    stop_on_sigterm()
    with reopened(arguments.run, AGAIN) as run:
        before = run.read_json(run.metrics)
        metrics = _align(run, arguments)
    summary = {"run": str(run.path), **metrics, "outdated": [str(path) for path in older(run)]}
    print(json.dumps(summary)) if arguments.json else _print(run, summary, before)
    return 0


def _align(run: RunDirectory, arguments: argparse.Namespace) -> dict[str, Any]:
    """Align and write the run; returns its metrics."""
    from tqdm import tqdm

    from mapper.errors import InputError
    from mapper.saved.realigned_outputs import write_realignment
    from mapper.saved.realignment import realign

    # As mapper run says them.
    changes = [change.removeprefix("backend.") for change in arguments.changes]
    config = run.read_description().backend_settings(changes)
    truth = judged_against(run)
    with tqdm(unit=" round", disable=arguments.json or None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        aligned = realign(run, config, progress)
    if aligned.final.alignment is None:
        raise InputError(f"{run.path}: the alignment failed, and the run is left as it was")
    metrics = write_realignment(run, aligned, changes)
    if truth is not None:
        judge_again(run, truth)
    return metrics


def judged_against(run: RunDirectory) -> Path | None:
    """The true poses of an earlier mapper eval; None where there was none."""
    from mapper.commands.evaluation.eval import RESULT

    path = run.read_json(run.path / RESULT).get("ground_truth")
    if path is None:
        return None
    # The run may have been moved since, and its own copy with it.
    moved = not Path(path).exists() and Path(path).name == run.ground_truth.name
    return run.ground_truth if moved else Path(path)


def judge_again(run: RunDirectory, ground_truth: Path) -> None:
    """eval.json, which was of the poses before, anew."""
    from mapper.commands.evaluation.eval import RESULT, evaluate_run
    from mapper.errors import InputError

    try:
        run.write_json(run.path / RESULT, evaluate_run(run, ground_truth))
    except InputError as error:
        logger.warning("%s was of the poses before and is gone: %s", RESULT, error)


def older(run: RunDirectory) -> list[Path]:
    """What mapper mesh and mapper export made of the map before; it is the user's."""
    return sorted([*run.path.glob("mesh_*.*"), *(run.path / "export").glob("*")])


def _print(run: RunDirectory, summary: dict[str, Any], before: dict[str, Any]) -> None:
    alignment = summary["alignment"]
    print(
        f"{alignment['keyframes']} keyframes aligned over {alignment['pairs']} pairs, "
        f"{alignment['matches']} matches ({alignment['seconds']:.1f} s)"
    )
    if not alignment["converged"]:
        print("not settled yet: run again with --set alignment.rounds=8")
    if alignment["left_out"]:
        print(f"left out, unreadable: keyframes {', '.join(map(str, alignment['left_out']))}")
    print_moved(run, summary, before)


def print_moved(run: RunDirectory, summary: dict[str, Any], before: dict[str, Any]) -> None:
    """What became of a run whose poses moved: errors, warnings, files, and what is outdated."""
    if "evaluation" in summary:
        print(f"  against ground truth: {evaluation_text(summary)}")
        if "evaluation" in before:
            print(f"                before: {evaluation_text(before)}")
    elif "evaluation_failed" in summary:
        print(f"  not evaluated: {summary['evaluation_failed']}")
    print_warnings(summary)
    for path in run.outputs():
        print(f"  {path}")
    if summary["outdated"]:
        print("of the map before, to be made again: " + ", ".join(summary["outdated"]))


def evaluation_text(metrics: dict[str, Any]) -> str:
    """The errors of a run against the truth, in one line."""
    from mapper.report.errors import standstill_text, stood_still

    errors = metrics["evaluation"]
    if stood_still(errors):
        return standstill_text(errors)
    rigid, similar = (errors[key]["rmse"] * 100 for key in ("ate_se3", "ate_sim3"))
    return f"ATE {rigid:.2f} cm, up to scale {similar:.2f} cm"

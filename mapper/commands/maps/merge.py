"""mapper merge: join several runs into one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mapper.commands.options import add_changes

EPILOG = """examples:
  mapper merge runs/monday runs/tuesday --out runs/flat
  mapper merge runs/ground runs/stairs runs/first --out runs/house

Pairs of keyframes that look alike are verified as loops are; runs are joined where several of them
say the same, and their surfaces must bear it out: one wrong match joins nothing. Runs that do not
overlap are refused, with what was tried and what failed. A run of a depth camera, if there is one,
gives the unit and the world, else the first one that is in metres, else the first. Keyframes that
show nothing new are culled, and the map is fused anew from all others. The runs stay as they are;
the new one is a run like any other (docs/maps.md). Interrupted runs can be merged too. Of more than
four runs only those are compared that look alike, several at once with --jobs or --ray.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="run directories, two at least"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the new run"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs compared at once")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster that compares them, or auto"
    )
    add_changes(
        parser,
        "change one of the backend's settings, which are those of the run whose world it is, e.g. "
        "loops.min_overlap=0.3 (repeatable)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import print_warnings, stop_on_sigterm
    from mapper.commands.merged_summary import print_merged
    from mapper.merging.command import merge_runs
    from mapper.runtime.workers import Workers

    stop_on_sigterm()
    changes = [change.removeprefix("backend.") for change in arguments.changes]
    say = (lambda line: None) if arguments.json else print
    workers = Workers(arguments.jobs, arguments.ray)
    run, metrics = merge_runs(
        arguments.runs, arguments.out, arguments.overwrite, changes, say, workers
    )
    summary = {"run": str(run.path), **metrics}
    if arguments.json:
        print(json.dumps(summary))
    else:
        print_merged(metrics)
        print_warnings(metrics)
        print("\n".join(f"  {path}" for path in run.outputs()))
    return 0

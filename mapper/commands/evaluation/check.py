"""mapper check: how good a finished map is, without ground truth."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.checking.finished_map import FinishedMap
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper check runs/kitchen
  mapper check runs/kitchen --thorough
  mapper check runs/kitchen --json

Views of one place are compared anew, by features and depth, whatever the map made of them;
keyframes are left out and foretold by the others; surfaces drawn twice are looked for; scale,
loops and tracking are counted. From that come a grade from A to F, the error (ATE) that the map
probably has, with its spread, and the frames to look at. Where no place was seen again the grade
is unsure. Written to RUN/check.json and into RUN/report.html; the map stays as it is
(docs/maps.md).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="map the sequence twice more, from noisy copies of its images: how far do they part?",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.checking.check import check_map, check_record
    from mapper.checking.finished_map import FinishedMap
    from mapper.checking.section import write_check
    from mapper.commands.mapping.run import stop_on_sigterm
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import AGAIN, reopened

    stop_on_sigterm()
    opened = RunDirectory.open(arguments.run)
    finished = FinishedMap.open(opened)
    spread = _spread(opened, finished, arguments.json) if arguments.thorough else None
    found = check_record(check_map(finished, spread))
    with reopened(arguments.run, AGAIN) as run:
        files = write_check(run, found)
    if arguments.json:
        print(json.dumps({"run": str(arguments.run), **found}))
    else:
        _print(found)
        print("\n".join(f"  {path}" for path in files))
    return 0


def _spread(run: RunDirectory, finished: FinishedMap, quiet: bool) -> float:
    from tqdm import tqdm

    from mapper.checking.noisy_reruns import NoisyReruns

    reruns = NoisyReruns.of(run)
    with tqdm(total=reruns.frames, unit=" frames", disable=quiet or None, leave=False) as bar:
        return reruns.spread(finished.trajectory, finished.is_metric, bar.update)


def _print(found: dict[str, Any]) -> None:
    from mapper.checking.words import measured_rows

    print(f"  {found['summary']}")
    for each in found["reasons"]:
        print(f"  - {each['text']}")
    rows = measured_rows(found)
    width = max(len(name) for name, _ in rows)
    print("\n" + "\n".join(f"  {name:<{width}}  {value}" for name, value in rows))
    if found["look_at"]:
        print("\n  look at:")
        print("\n".join(f"  - {place['text']}" for place in found["look_at"]))
    print()

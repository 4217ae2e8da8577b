"""mapper scale: make a run metric, or upright, by what was measured in it."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mapper.commands.known_options import add_level_floor, add_measured
from mapper.commands.maps.align import judge_again, judged_against, older, print_moved
from mapper.commands.options import add_run

if TYPE_CHECKING:
    from mapper.measured.asked import Measurements
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper scale runs/desk --distance 0.12,-0.4,2.1 0.93,-0.4,2.2 0.80
  mapper scale runs/desk --image-points 140 101,88 260,91 0.80
  mapper scale runs/hall --camera-height 1.6
  mapper scale runs/hall --tag 36h11:0.16
  mapper scale runs/hall --depth sequence
  mapper scale runs/hall --scale-from da3-metric
  mapper scale runs/hall --gravity auto

Lengths go through the pose graph, as factors on the scales of the keyframes: several of them, far
apart, mend the drift of the scale too, and every sighting of a tag closes a loop. They may be
combined, and --distance and --image-points repeated. What an earlier call was told still counts,
unless --anew is given. What contradicts itself or the map is refused, and the run is left as it
was. Trajectories, mesh, cloud, metrics.json and report.html are written over, all of them or none.
"""
# argparse takes what begins with a minus and a digit for an option, unless it is one number.
NEGATIVE = re.compile(r"-[\d.].*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser._negative_number_matcher = NEGATIVE
    add_run(parser)
    parser.add_argument(
        "--distance",
        nargs=3,
        action="append",
        default=[],
        metavar=("X,Y,Z", "X,Y,Z", "METRES"),
        help="how far it is between two points of the map, in the coordinates of mesh.ply",
    )
    add_measured(parser)
    add_level_floor(parser)
    parser.add_argument(
        "--anew", action="store_true", help="forget what earlier calls of this command were told"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import stop_on_sigterm
    from mapper.run.ownership import AGAIN, reopened

    stop_on_sigterm()
    asked = _asked(arguments)
    with reopened(arguments.run, AGAIN) as run:
        before = run.read_json(run.metrics)
        metrics = _scale(run, asked, arguments)
    summary = {"run": str(run.path), **metrics, "outdated": [str(path) for path in older(run)]}
    print(json.dumps(summary)) if arguments.json else _print(run, summary, before)
    return 0


def _asked(arguments: argparse.Namespace) -> Measurements:
    """What the options say; a wrong one is refused before the run is opened."""
    from mapper.errors import ConfigError
    from mapper.measured.asked import NOTHING_ASKED, measurements
    from mapper.measured.lengths import WorldLength

    distances = tuple(WorldLength.of(words) for words in arguments.distance)
    asked = replace(measurements(arguments), distances=distances)
    if not asked:
        raise ConfigError(NOTHING_ASKED)
    return asked


def _scale(run: RunDirectory, asked: Measurements, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure, tie and write the run; returns its metrics."""
    from mapper.measured.scaling import scale_run

    truth = judged_against(run)
    metrics = scale_run(run, asked, arguments.anew, quiet=arguments.json)
    if truth is not None:
        judge_again(run, truth)
    return metrics


def _print(run: RunDirectory, summary: dict[str, Any], before: dict[str, Any]) -> None:
    from mapper.report.knowledge import tied_in_words

    for line in tied_in_words(summary):
        print(f"  {line}")
    print_moved(run, summary, before)

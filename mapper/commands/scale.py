"""mapper scale: make a run metric by what was measured in it."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING, Any

from mapper.commands.align import evaluation_text, judge_again, judged_against, older
from mapper.commands.options import add_run
from mapper.commands.run import print_warnings

if TYPE_CHECKING:
    from mapper.measured.measuring import Measurements
    from mapper.run.directory import RunDirectory

EPILOG = """examples:
  mapper scale runs/desk --distance 0.12,-0.4,2.1 0.93,-0.4,2.2 0.80
  mapper scale runs/desk --image-points 140 101,88 260,91 0.80
  mapper scale runs/hall --camera-height 1.6
  mapper scale runs/hall --tag 36h11:0.16

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
    parser.add_argument(
        "--image-points",
        nargs=4,
        action="append",
        default=[],
        metavar=("FRAME", "U,V", "U,V", "METRES"),
        help="how far it is between what two pixels of a keyframe show, at the size worked on",
    )
    parser.add_argument(
        "--camera-height", type=float, metavar="METRES", help="of the camera over the floor"
    )
    parser.add_argument(
        "--tag",
        metavar="FAMILY:METRES",
        help="AprilTags or ArUco markers that were put up, and the side of their black square, "
        "like 36h11:0.16 or 4x4_50:0.1",
    )
    parser.add_argument(
        "--anew", action="store_true", help="forget what earlier calls of this command were told"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.run import stop_on_sigterm
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
    from mapper.measured.lengths import ImageLength, WorldLength
    from mapper.measured.measuring import NOTHING_ASKED, Measurements
    from mapper.measured.tags import TagKind

    asked = Measurements(
        tuple(WorldLength.of(words) for words in arguments.distance),
        tuple(ImageLength.of(words) for words in arguments.image_points),
        arguments.camera_height,
        None if arguments.tag is None else TagKind.of(arguments.tag),
    )
    if not asked:
        raise ConfigError(NOTHING_ASKED)
    return asked


def _scale(run: RunDirectory, asked: Measurements, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure, tie and write the run; returns its metrics."""
    from mapper.backend.priors.knowledge import Knowledge
    from mapper.known.stored import read_knowledge
    from mapper.measured.measuring import measured_in
    from mapper.saved.map import load_map
    from mapper.saved.realigned_outputs import write_rescaling
    from mapper.saved.rescaling import refuse_metric, rescale
    from mapper.saved.results import backend_settings_of

    saved, earlier = load_map(run), read_knowledge(run)
    refuse_metric(run, saved)
    known = measured_in(run, saved, asked, quiet=arguments.json)
    kept = Knowledge(earlier.readings) if arguments.anew else earlier
    truth = judged_against(run)
    known = kept + known
    metrics = write_rescaling(run, rescale(run, backend_settings_of(run), known), known)
    if truth is not None:
        judge_again(run, truth)
    return metrics


def _print(run: RunDirectory, summary: dict[str, Any], before: dict[str, Any]) -> None:
    from mapper.report.knowledge import tied_in_words

    for line in tied_in_words(summary):
        print(f"  {line}")
    if "evaluation" in summary:
        print(f"  against ground truth: {evaluation_text(summary)}")
        if "evaluation" in before:
            print(f"                before: {evaluation_text(before)}")
    print_warnings(summary)
    for path in run.outputs():
        print(f"  {path}")
    if summary["outdated"]:
        print("of the map before, to be made again: " + ", ".join(summary["outdated"]))

"""mapper train: a network of the learned frontends, from rooms by seed or from recordings."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mapper.commands.options import add_viewers

if TYPE_CHECKING:
    from mapper.train.curves import Curves

EPILOG = """examples:
  python tools make_rooms --rooms 300 --out rooms/
  mapper train --recipe stream3r-mini --data rooms/ --out training/
  mapper train --recipe stream3r-mini --data rooms/ --out training/ --minutes 60   # goes on there
  mapper train --recipe stream3r-mini --start training/ --data 9@rooms/ --data 1@runs/A --out finer/

Stopped at any moment, it goes on from its last checkpoint. training/ is what --weights reads.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("--recipe", required=True, metavar="NAME|FILE", help="what to train, how")
    parser.add_argument(
        "--data", required=True, action="append", metavar="[N@]PATH",
        help="rooms, a run directory, a recording with depth and poses, processed folders; given "
        "again, N samples of one for each M of another; PATH:ScanNet = as published of that set",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="of the training")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change the recipe, like data.sequences=2; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="weights to start from, and of a teacher"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="threads that read batches ahead; 2 with a GPU, else 0",
    )  # fmt: skip
    parser.add_argument(
        "--tensorboard", action="store_true", help="write curves to DIR/tensorboard, too"
    )
    add_viewers(parser)
    parser.add_argument("--minutes", type=float, metavar="M", help="stop then, and save")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.errors import ConfigError
    from mapper.train.data.batches import Batches
    from mapper.train.data.sources import held_back_in, open_sources
    from mapper.train.loop import Training
    from mapper.train.networks import trained_network
    from mapper.train.processes import started
    from mapper.train.recipe import load_recipe

    recipe = load_recipe(arguments.recipe, arguments.changes)
    if arguments.minutes is not None and not arguments.minutes > 0:
        raise ConfigError(f"--minutes {arguments.minutes:g}: must be above 0")
    if arguments.workers is not None and arguments.workers < 0:
        raise ConfigError(f"--workers {arguments.workers}: must be 0 or above")
    sources = open_sources(arguments.data)
    held_back = held_back_in(arguments.data)
    _make_folder(arguments.out)
    minutes = arguments.minutes or float("inf")
    processes = started()
    on_gpu = processes.device.type == "cuda"
    with ExitStack() as opened:
        training = Training(
            recipe,
            trained_network(recipe, arguments.start, processes.device),
            Batches(sources, recipe.data, recipe.seed),
            Batches([held_back], recipe.data, recipe.seed + 1) if held_back else None,
            arguments.out,
            time.monotonic() + 60 * minutes,
            processes=processes,
            workers=2 * on_gpu if arguments.workers is None else arguments.workers,
            curves=[] if processes.rank else _curves(arguments, opened),
        )
        done = training.run()
    if not processes.rank:
        _tell(arguments, done, recipe.steps)
    return 0


def _curves(arguments: argparse.Namespace, opened: ExitStack) -> list[Curves]:
    """Where people watch, closed with the rest."""
    from mapper.io.viewer.sinks import Destinations
    from mapper.train.curves import TensorboardCurves

    found: list[Curves] = []
    if arguments.tensorboard:
        found.append(TensorboardCurves(arguments.out))
    to = Destinations(viewer=arguments.viewer, connect=arguments.connect)
    if to.has_viewer:
        from mapper.io.viewer.training_logger import TrainingLogger

        viewer = TrainingLogger(arguments.out.name, to)
        found.append(viewer)
        if viewer.url:
            print(f"viewer: {viewer.url}")
    for curves in found:
        opened.callback(curves.close)
    return found


def _tell(arguments: argparse.Namespace, done: int, steps: int) -> None:
    if arguments.json:
        print(json.dumps({"steps": done, "path": str(arguments.out)}))
    else:
        print(f"{done} of {steps} steps done\n  {arguments.out}")


def _make_folder(path: Path) -> None:
    from mapper.runtime.atomic_files import output_error

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error

"""mapper train: a network of the learned frontends, from rooms that are made up by seeds."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

EPILOG = """examples:
  python tools make_rooms --rooms 300 --out rooms/
  mapper train --recipe stream3r-mini --data rooms/ --out training/
  mapper train --recipe stream3r-mini --data rooms/ --out training/ --minutes 60   # goes on there

Stopped at any moment, it goes on from its last checkpoint. training/ is what --weights reads.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("--recipe", required=True, metavar="NAME|FILE", help="what to train, how")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="files of rooms")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="of the training")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change the recipe, like data.sequences=2; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="weights to start from, and of a teacher"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="stop then, and save")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.errors import ConfigError
    from mapper.train.data.batches import Batches
    from mapper.train.data.scene import packed_scenes
    from mapper.train.loop import Training
    from mapper.train.networks import trained_network
    from mapper.train.processes import started
    from mapper.train.recipe import load_recipe

    recipe = load_recipe(arguments.recipe, arguments.changes)
    if arguments.minutes is not None and arguments.minutes <= 0:
        raise ConfigError(f"--minutes {arguments.minutes:g}: must be above 0")
    scenes = packed_scenes(arguments.data, "train_")
    held_back = sorted(arguments.data.glob("validation_*.npz"))
    validation = packed_scenes(arguments.data, "validation_") if held_back else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    minutes = arguments.minutes or float("inf")
    processes = started()
    training = Training(
        recipe,
        trained_network(recipe, arguments.start, processes.device),
        Batches(scenes, recipe.data, recipe.seed),
        None if validation is None else Batches(validation, recipe.data, recipe.seed + 1),
        arguments.out,
        time.monotonic() + 60 * minutes,
        processes=processes,
    )
    done = training.run()
    if processes.rank:
        return 0
    if arguments.json:
        print(json.dumps({"steps": done, "path": str(arguments.out)}))
    else:
        print(f"{done} of {recipe.steps} steps done\n  {arguments.out}")
    return 0

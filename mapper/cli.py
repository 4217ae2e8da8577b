"""The command line. Exit codes: 0 done, 1 a fault of ours, 2 a fault of the input, 130 stopped."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import import_module
from itertools import chain
from types import ModuleType
from typing import Any, Final, NoReturn

from mapper import __version__
from mapper.errors import MapperError, unknown_name

# By the folder of `mapper.commands` in which each has its file.
COMMANDS: Final = {
    "mapping": {
        "run": "map a sequence: trajectory, mesh, recording and report",
        "live": "map a camera while it is held: USB, network, RealSense, ROS bag",
        "ros2": "a ROS 2 node: maps image topics, sends transforms, odometry, cloud and grid",
        "calibrate": "the calibration of a camera from pictures of a chessboard",
        "demo": "render a sample room, map it, and check the result against the exact truth",
        "track": "follow points of the first frame through a sequence",
    },
    "maps": {
        "view": "open the recording of a run in the Rerun viewer",
        "screenshot": "a picture or a film of the map of a run, without a display",
        "align": "align the keyframes of a run globally, and fuse its map anew",
        "merge": "join several runs of one place into one map",
        "diff": "what appeared and what vanished between two runs of one place",
        "scale": "make a run metric by lengths, tags or its height, or upright by its floor",
        "mesh": "fuse the map of a run again, at any resolution",
        "localize": "where photographs or the frames of a sequence were taken in the map of a run",
        "occupancy": "a grid for robots (Nav2) of what is free, occupied and unknown; distances",
        "export": "write a run as TUM, KITTI, EuRoC, COLMAP, nerfstudio or a point cloud",
    },
    "evaluation": {
        "check": "how good the map of a run is, without ground truth: a grade and where to look",
        "eval": "errors of a run against ground truth: ATE and RPE",
        "bench": "published evaluation protocols: pose, depth, reconstruction",
    },
    "setup": {
        "train": "train a network of the learned frontends on rooms, recordings and runs",
        "config": "every setting with unit, default and meaning; what a configuration changes",
        "weights": "list, fetch, verify and convert the weights of learned frontends",
        "doctor": "what works on this machine",
        "completion": "a script that completes commands and options in bash, zsh or fish",
    },
}


# Rerun reads it when it is imported, and would warn of recordings without a footer, as ours are.
RERUN_LOG: Final = "warn,re_log_encoding=error"
# NumPy, SciPy and OpenCV each bring an OpenBLAS, which reads it when it is loaded. After every
# product of more than a few rows its threads look for more work for 25 ms, yielding to the system
# each time: that was a tenth of a depth run's CPU, for products that one thread does in 2 ms.
BLAS_THREADS: Final = "OPENBLAS_NUM_THREADS"


class Parser(argparse.ArgumentParser):
    """argparse's, without the page of usage that hides what is wrong."""

    def error(self, message: str) -> NoReturn:
        """End the process with exit code 2."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help)\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "command" if isinstance(action, argparse._SubParsersAction) else "value"
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, unknown_name(what, str(value), known))


def main(argv: list[str] | None = None) -> int:
    """Parse, execute, and turn faults into one line each."""
    os.environ.setdefault("RUST_LOG", RERUN_LOG)
    os.environ.setdefault(BLAS_THREADS, "1")
    argv = sys.argv[1:] if argv is None else argv
    parser = build_parser(argv)
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        _refuse_rest(parser, arguments.command, rest)
    logging.basicConfig(
        level=(logging.WARNING, logging.INFO, logging.DEBUG)[min(arguments.verbose, 2)],
        format="%(levelname)s %(name)s: %(message)s",
    )
    try:
        return int(_module(arguments.command).execute(arguments))
    except MapperError as error:
        print(f"mapper: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mapper: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def build_parser(argv: list[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for is imported."""
    parser = Parser(
        prog="mapper", description="SLAM-style mapping with depth cameras and streaming 3D models."
    )
    parser.add_argument("--version", action="version", version=f"mapper {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    for name, text in chain.from_iterable(folder.items() for folder in COMMANDS.values()):
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,  # the examples keep their lines
        )
        command.add_argument("-v", "--verbose", action="count", default=0, help="log more (-vv)")
        command.add_argument("--json", action="store_true", help="print results as JSON")
        if name in argv:
            _module(name).add_arguments(command)
    return parser


def _refuse_rest(parser: argparse.ArgumentParser, command: str, rest: list[str]) -> NoReturn:
    """End the process with what is meant by the words of `command` that it does not know."""
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    inner: argparse.ArgumentParser = commands.choices[command]
    name = next((word for word in rest if word.startswith("-")), None)
    if name is None:
        inner.error(f"one too many: {' '.join(rest)}; a name with blanks wants quotes")
    known = [word for word in inner._option_string_actions if word.startswith("--")]
    inner.error(unknown_name("option", name.partition("=")[0], known))


def _module(command: str) -> ModuleType:
    folder = next(folder for folder, commands in COMMANDS.items() if command in commands)
    return import_module(f"mapper.commands.{folder}.{command}")


if __name__ == "__main__":
    sys.exit(main())

"""Options that several commands have, and the request that is made of them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from mapper.commands.numbers import positive
from mapper.core.camera_kinds import AUTO, KIND_CHOICES
from mapper.request import MapRequest

Request = TypeVar("Request", bound=MapRequest)


def add_run(parser: argparse.ArgumentParser) -> None:
    """The run directory that a command works on."""
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory")


def add_changes(
    parser: argparse.ArgumentParser,
    help: str = "change one setting, e.g. backend.fusion.tsdf.voxel_size=0.01 (repeatable)",
) -> None:
    """--set, a list of KEY=VALUE."""
    parser.add_argument(
        "--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help=help
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """--config and --set."""
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file, or a profile: fast, fine, street"
    )
    add_changes(parser)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """--weights and --commercial."""
    parser.add_argument(
        "--weights", metavar="PATH", help="checkpoint of a learned frontend, or a published name"
    )
    parser.add_argument(
        "--commercial",
        action="store_true",
        help="refuse weights that are published for non-commercial use",
    )


def add_matcher(parser: argparse.ArgumentParser) -> None:
    """--matcher."""
    parser.add_argument(
        "--matcher",
        choices=("auto", "xfeat", "orb", "lightglue"),
        help="local features that places are recognised by; lightglue sees most and takes longest "
        "(auto: xfeat where its weights are at hand, else orb)",
    )


def add_frames(parser: argparse.ArgumentParser) -> None:
    """Which frames of a sequence."""
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="take every N-th frame")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="first frame")
    parser.add_argument("--max-frames", type=int, metavar="N", help="stop after N frames")


def add_cameras(parser: argparse.ArgumentParser) -> None:
    """How the cameras see, and which topics of a bag they are."""
    add_camera(parser)
    parser.add_argument(
        "--topics",
        metavar="LIST",
        help="of a ROS bag: colour=TOPIC,depth=TOPIC,info=TOPIC (depth=none: without)",
    )


def add_camera(parser: argparse.ArgumentParser) -> None:
    """How the cameras see."""
    parser.add_argument(
        "--calib",
        type=Path,
        metavar="FILE",
        help="camera calibration: from mapper calibrate, or another program's",
    )
    parser.add_argument(
        "--camera-kind",
        choices=KIND_CHOICES,
        default=AUTO,
        help="how the depth camera measures, which tells its noise (auto: as the input says, "
        "else by its depth)",
    )


def add_dynamic(parser: argparse.ArgumentParser) -> None:
    """--dynamic."""
    parser.add_argument(
        "--dynamic",
        choices=("off", "remove", "keep"),
        help="what moved while the map was made: remove = take it out of the map, keep = find and "
        "show it, but leave it in, off = do not look (docs/maps.md)",
    )


def add_live(parser: argparse.ArgumentParser) -> None:
    """How a stream is mapped that comes as fast as it will, and where to."""
    from mapper.frontends.registry import frontend_help  # not for commands that map nothing

    parser.add_argument("--frontend", metavar="NAME", help=frontend_help())
    add_weights(parser)
    add_matcher(parser)
    add_config(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (runs/live)")
    add_target(parser, "earlier live")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the frames, for mapper run DIR"
    )
    parser.add_argument("--max-seconds", type=positive, metavar="S", help="stop after so long")
    add_dynamic(parser)
    add_viewers(parser)


def add_viewer(parser: argparse.ArgumentParser) -> None:
    """--viewer."""
    parser.add_argument("--viewer", choices=("none", "window", "web"), default="none")


def add_viewers(parser: argparse.ArgumentParser) -> None:
    """--viewer and --connect."""
    add_viewer(parser)
    parser.add_argument(
        "--connect", metavar="URL", help="send to a viewer that runs, rerun+http://HOST:PORT/proxy"
    )


def add_target(parser: argparse.ArgumentParser, resumed: str) -> None:
    """What becomes of a run directory that exists. resumed: which runs can be carried on."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--resume", action="store_true", help=f"carry on an {resumed} run")
    target.add_argument("--overwrite", action="store_true", help="replace an earlier run")


def request_of(kind: type[Request], arguments: argparse.Namespace) -> Request:
    """Each field of a request from the option of its name, where the command has that option."""
    given = {f.name: vars(arguments)[f.name] for f in fields(kind) if f.name in vars(arguments)}
    lists: dict[str, Any] = {k: tuple(v) for k, v in given.items() if isinstance(v, list)}
    return kind(**{**given, **lists})

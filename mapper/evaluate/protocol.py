"""Protocols: what a benchmark measures, on which frames and how; one YAML file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from mapper.config.loader import PROFILES, from_mapping, unknown_name
from mapper.errors import ConfigError
from mapper.evaluate.metrics.depth_alignment import ALIGNMENTS

PROTOCOLS: Final = PROFILES / "protocols"
TASKS: Final = ("pose", "video-depth", "mono-depth", "reconstruction")
# Whose protocol is taken where none is named; the first that there is for a task and a dataset.
PREFERRED: Final = ("cut3r", "streamvggt", "stream3r", "ttsa3r", "ttt3r", "metric")


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{what}={value!r}: expected one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class FrameSelection:
    """start, stride: every stride-th frame of the recording from `start`; a folder that was
    prepared begins there already, and is thinned only as far as it was not. at_least: the stride
    shrinks to count // at_least, so that short sequences keep that many; 0 = it does not.

    max_frames: the selection is cut to this many; 0 = all. draw: this many frames at random
    instead, from one generator over all sequences listed, in order, started with `seed`; 0 = not.
    min_frames: shorter sequences are left out by the protocol, and listed as such.
    """

    start: int = 0
    stride: int = 1
    at_least: int = 0
    max_frames: int = 0
    draw: int = 0
    seed: int = 0
    min_frames: int = 1

    def __post_init__(self) -> None:
        if self.stride < 1 or self.min_frames < max(1, self.draw):
            raise ConfigError("frames: stride at least 1, min_frames at least 1 and at least draw")


@dataclass(frozen=True, slots=True)
class ImagePreparation:
    """How the images that a network sees are made; cameras with depth see them as they are.

    loader: "as_is"; "cut3r" or "vggt", their published evaluation loaders, with long side `size`;
    or "window": cut about the principal point and scaled to fill width x height, with depth.
    squeeze: the loader changes the aspect ratio a little rather than cut.
    """

    loader: str = "as_is"
    size: int = 0
    squeeze: bool = False
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        _check("images.loader", self.loader, ("as_is", "cut3r", "vggt", "window"))
        if (self.loader in ("cut3r", "vggt")) != (self.size > 0):
            raise ConfigError("images.size goes with the loaders cut3r and vggt")
        if (self.loader == "window") != (self.width > 0 and self.height > 0):
            raise ConfigError("images.width and images.height go with the loader window")


@dataclass(frozen=True, slots=True)
class PoseProtocol:
    """metric: "trajectory" (ATE, RPE) or "pairs" (angles between all pairs, areas under the curve
    up to `thresholds` degrees). alignment: "sim3" or "se3". poses: "all" or "keyframes".

    decimals: to which each sequence's figure is rounded before the mean; 0 = none.
    """

    metric: str = "trajectory"
    alignment: str = "sim3"
    poses: str = "all"
    decimals: int = 0
    thresholds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check("pose.metric", self.metric, ("trajectory", "pairs"))
        _check("pose.alignment", self.alignment, ("sim3", "se3"))
        _check("pose.poses", self.poses, ("all", "keyframes"))
        if (self.metric == "pairs") != bool(self.thresholds) or 0 in self.thresholds:
            raise ConfigError("pose.thresholds, 1 degree or more, go with the metric pairs")


@dataclass(frozen=True, slots=True)
class DepthProtocol:
    """alignments: each is reported, see metrics/depth_alignment.

    max_depth: metres, from which true depth does not count; 0 = none. clip: metres, of the aligned
    prediction; 0 = none.
    """

    alignments: tuple[str, ...] = ("scale",)
    max_depth: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        if not self.alignments:
            raise ConfigError("depth.alignments: name one at least; metric is without any")
        for name in self.alignments:
            _check("depth.alignments", name, tuple(ALIGNMENTS))


@dataclass(frozen=True, slots=True)
class ReconstructionProtocol:
    """crop: side in pixels of the central square that is compared. icp_threshold, voxel_size:
    metres, see mapper.evaluate.metrics.reconstruction."""

    crop: int = 224
    icp_threshold: float = 0.1
    voxel_size: float = 0.0

    def __post_init__(self) -> None:
        if self.crop < 1 or not self.icp_threshold > 0:
            raise ConfigError("reconstruction: crop and icp_threshold must be positive")


@dataclass(frozen=True, slots=True)
class Protocol:
    """name: of the file. version: raised when a change alters figures. datasets: it is
    for; empty = any. source: where it is published. sequences: by name; empty = all that are there.
    groups: first folders of their names; empty = all that are there.

    settings: of frontends, like "cut3r.cross_view=true". average: over "sequences", "pixels" or
    "groups" (sequences of one first folder, then those). Only the part of its task is used.
    """

    name: str = ""
    version: int = 1
    task: str = ""
    datasets: tuple[str, ...] = ()
    source: str = ""
    sequences: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    average: str = "sequences"
    settings: tuple[str, ...] = ()
    frames: FrameSelection = field(default_factory=FrameSelection)
    images: ImagePreparation = field(default_factory=ImagePreparation)
    pose: PoseProtocol = field(default_factory=PoseProtocol)
    depth: DepthProtocol = field(default_factory=DepthProtocol)
    reconstruction: ReconstructionProtocol = field(default_factory=ReconstructionProtocol)

    def __post_init__(self) -> None:
        _check("task", self.task, TASKS)
        _check("average", self.average, ("sequences", "pixels", "groups"))
        if (self.task == "reconstruction") != (self.images.loader == "window"):
            raise ConfigError("the loader window goes with the task reconstruction")

    def fits(self, task: str, dataset: str) -> bool:
        """Whether it measures this task on this dataset."""
        return self.task == task and (not self.datasets or dataset in self.datasets)


def load_protocol(name: str) -> Protocol:
    """A protocol by the name of its file in configs/protocols, or by the path of a YAML file."""
    path = Path(name) if name.endswith(".yaml") else PROTOCOLS / f"{name}.yaml"
    if not path.is_file() and len(path.parts) > 1 and name.endswith(".yaml"):
        raise ConfigError(f"{path}: no such protocol file; mapper bench protocols lists the others")
    if not path.is_file():
        raise ConfigError(unknown_name("protocol", name, protocol_names()))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        protocol = from_mapping(Protocol, values if isinstance(values, dict) else {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML ({type(error).__name__})") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if protocol.name != path.stem:
        raise ConfigError(f"{path}: its name is {protocol.name!r}; call it as the file is called")
    return protocol


def protocol_names() -> list[str]:
    """All that come with the program, sorted."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.yaml"))


def choose_protocol(task: str, dataset: str, name: str | None = None) -> Protocol:
    """The named protocol, or the preferred one of a task on a dataset. ConfigError if unfit."""
    if name is not None:
        protocol = load_protocol(name)
        if not protocol.fits(task, dataset):
            others = ", ".join(_fitting(task, dataset)) or "none"
            raise ConfigError(
                f"protocol {name} is not of {task} on {dataset}; those that are: {others}"
            )
        return protocol
    fitting = _fitting(task, dataset)
    if not fitting:
        raise ConfigError(f"there is no protocol of {task} on {dataset}; name one with --protocol")
    return load_protocol(min(fitting, key=_preference))


def _fitting(task: str, dataset: str) -> list[str]:
    return [name for name in protocol_names() if load_protocol(name).fits(task, dataset)]


def _preference(name: str) -> int:
    paper = name.partition("-")[0]
    return PREFERRED.index(paper) if paper in PREFERRED else len(PREFERRED)

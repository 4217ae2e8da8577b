"""Protocols: what a benchmark measures, on which frames and how; one YAML file each."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Final, Literal

from mapper.config.loader import PROFILES, check_file
from mapper.core.quantities import (
    LISTED,
    Count,
    Frames,
    FramesOrZero,
    Metres,
    MetresOrZero,
    Pixels,
    PixelsOrZero,
    Switch,
    Text,
    Whole,
)
from mapper.core.settings_model import settings
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, shown, unknown_name

PROTOCOLS: Final = PROFILES / "protocols"
# Whose protocol is taken where none is named; the first that there is for a task and a dataset.
PREFERRED: Final = ("cut3r", "streamvggt", "stream3r", "ttsa3r", "ttt3r", "metric")


# The names in metrics/depth_alignment.ALIGNMENTS, which needs torch.
AlignmentName = Literal["metric", "median", "scale", "scale_shift", "least_squares"]


@settings
class FrameSelection:
    """Which frames of a recording are taken.

    start: the first one; a folder that was prepared begins there already.
    stride: every stride-th from there; a folder that was prepared is thinned only as far as it was
        not.
    at_least: the stride shrinks to count // at_least, so that short sequences keep that many; 0 =
        it does not.
    max_frames: the selection is cut to this many; 0 = all.
    draw: this many frames at random instead; 0 = not.
    seed: of one generator over all sequences listed, in order, which draws.
    min_frames: shorter sequences are left out by the protocol, and listed as such.
    """

    start: Whole = 0
    stride: Count = 1
    at_least: FramesOrZero = 0
    max_frames: FramesOrZero = 0
    draw: FramesOrZero = 0
    seed: Whole = 0
    min_frames: Frames = 1

    def __post_init__(self) -> None:
        if self.min_frames < self.draw:
            raise ValueError(f"min_frames ({self.min_frames}) must be at least draw ({self.draw})")


@settings
class ImagePreparation:
    """How the images that a network sees are made; cameras with depth see them as they are.

    loader: cut3r or vggt are their published evaluation loaders, with long side `size`; window =
        cut about the principal point and scaled to fill width x height, with depth.
    size: long side, for the loaders cut3r and vggt.
    squeeze: the loader changes the aspect ratio a little rather than cut.
    width: for the loader window.
    height: for the loader window.
    """

    loader: Literal["as_is", "cut3r", "vggt", "window"] = "as_is"
    size: PixelsOrZero = 0
    squeeze: Switch = False
    width: PixelsOrZero = 0
    height: PixelsOrZero = 0

    def __post_init__(self) -> None:
        if (self.loader in ("cut3r", "vggt")) != (self.size > 0):
            raise ValueError("size goes with the loaders cut3r and vggt")
        if (self.loader == "window") != (self.width > 0 and self.height > 0):
            raise ValueError("width and height go with the loader window")


@settings
class PoseProtocol:
    """How poses are compared.

    metric: trajectory = ATE and RPE, pairs = angles between all pairs and the areas under their
        curve up to `thresholds`.
    alignment: of the estimate with the truth.
    poses: which are compared.
    decimals: to which each sequence's figure is rounded before the mean; 0 = none.
    thresholds: degrees, 1 or more, for the metric pairs.
    """

    metric: Literal["trajectory", "pairs"] = "trajectory"
    alignment: Literal["sim3", "se3"] = "sim3"
    poses: Literal["all", "keyframes"] = "all"
    decimals: Whole = 0
    thresholds: Annotated[tuple[Count, ...], LISTED] = ()

    def __post_init__(self) -> None:
        if (self.metric == "pairs") != bool(self.thresholds):
            raise ValueError("thresholds go with the metric pairs")


@settings
class DepthProtocol:
    """How depth maps are compared.

    alignments: each is reported, see metrics/depth_alignment.
    max_depth: from which true depth does not count; 0 = none.
    clip: of the aligned prediction; 0 = none.
    """

    alignments: Annotated[tuple[AlignmentName, ...], LISTED] = ("scale",)
    max_depth: MetresOrZero = 0.0
    clip: MetresOrZero = 0.0

    def __post_init__(self) -> None:
        if not self.alignments:
            raise ValueError("alignments: name one at least; metric is without any")


@settings
class ReconstructionProtocol:
    """How point clouds are compared, see mapper.evaluate.metrics.reconstruction.

    crop: side of the central square that is compared.
    icp_threshold: distance between points that the alignment takes for pairs.
    voxel_size: of the thinning of both clouds; 0 = none.
    """

    crop: Pixels = 224
    icp_threshold: Metres = 0.1
    voxel_size: MetresOrZero = 0.0


@settings
class Protocol:
    """What a benchmark measures, on which frames and how. Only the part of its task is used.

    name: of the file.
    task: what is measured.
    version: raised when a change alters figures.
    datasets: that it is for; empty = any.
    source: where it is published.
    sequences: by name; empty = all that are there.
    groups: first folders of their names; empty = all that are there.
    average: of what the figures are the mean; groups = of the sequences of one first folder, then
        of those.
    settings: of frontends, like "cut3r.cross_view=true".
    frames: which are taken.
    images: how they are made.
    pose: how poses are compared.
    depth: how depth maps are compared.
    reconstruction: how point clouds are compared.
    """

    name: Text
    task: Literal["pose", "video-depth", "mono-depth", "reconstruction"]
    version: Whole = 1
    datasets: Annotated[tuple[Text, ...], LISTED] = ()
    source: Text = ""
    sequences: Annotated[tuple[Text, ...], LISTED] = ()
    groups: Annotated[tuple[Text, ...], LISTED] = ()
    average: Literal["sequences", "pixels", "groups"] = "sequences"
    settings: Annotated[tuple[Text, ...], LISTED] = ()
    frames: FrameSelection = field(default_factory=FrameSelection)
    images: ImagePreparation = field(default_factory=ImagePreparation)
    pose: PoseProtocol = field(default_factory=PoseProtocol)
    depth: DepthProtocol = field(default_factory=DepthProtocol)
    reconstruction: ReconstructionProtocol = field(default_factory=ReconstructionProtocol)

    def __post_init__(self) -> None:
        if (self.task == "reconstruction") != (self.images.loader == "window"):
            raise ValueError("the loader window goes with the task reconstruction")

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
    protocol = check_file(path, Protocol, read_mapping(path))
    if protocol.name != path.stem:
        raise ConfigError(
            f"{path}: its name is {shown(protocol.name)}; call it as the file is called"
        )
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

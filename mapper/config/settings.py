"""The whole configuration of a run: defaults here, profiles in configs/, changes by --set."""

from __future__ import annotations

from dataclasses import dataclass, field

from mapper.backend.backend import BackendConfig
from mapper.backend.pairwise.config import PairwiseModeConfig
from mapper.errors import ConfigError
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.replay import ReplayConfig
from mapper.frontends.rgbd.frontend import RgbdConfig
from mapper.frontends.vggt.options import Stream3rOptions, StreamVggtOptions, VggtOptions
from mapper.frontends.wint3r.options import Wint3rOptions


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """image_every: frames between camera images in the recording.

    keyframe_points: points of each keyframe shown while the map grows.
    save_interval: seconds between writes of trajectory.txt while frames arrive.
    """

    image_every: int = 3
    keyframe_points: int = 6000
    save_interval: float = 5.0

    def __post_init__(self) -> None:
        if self.image_every < 1 or self.keyframe_points < 1:
            raise ConfigError("image_every and keyframe_points must be at least 1")


@dataclass(frozen=True, slots=True)
class MapperConfig:
    """frontend: a name, or "auto". rgbd, replay, cut3r, wint3r: settings of the frontends so
    called.

    weights: a file, a folder or a published name for the learned frontends; empty = what is found.

    threads: run the backend beside the frontend; results do not depend on it.
    """

    frontend: str = "auto"
    weights: str = ""
    threads: bool = True
    rgbd: RgbdConfig = field(default_factory=RgbdConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    cut3r: Cut3rOptions = field(default_factory=Cut3rOptions)
    wint3r: Wint3rOptions = field(default_factory=Wint3rOptions)
    stream3r: Stream3rOptions = field(default_factory=Stream3rOptions)
    streamvggt: StreamVggtOptions = field(default_factory=StreamVggtOptions)
    vggt: VggtOptions = field(default_factory=VggtOptions)
    backend: BackendConfig = field(default_factory=BackendConfig)
    pairwise: PairwiseModeConfig = field(default_factory=PairwiseModeConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)

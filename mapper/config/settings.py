"""The whole configuration of a run: defaults here, profiles in configs/, changes by --set."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from mapper.backend.config import BackendConfig
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.core.quantities import WORD, Count, Frames, PixelsOrZero, SecondsOrZero, Switch, Text
from mapper.core.settings_model import settings
from mapper.frontends.cut3r.options import Cut3rMiniOptions, Cut3rOptions
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.replay import ReplayConfig
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.vggt.options import (
    Stream3rMiniOptions,
    Stream3rOptions,
    StreamVggtOptions,
    VggtOptions,
)
from mapper.frontends.wint3r.options import Wint3rOptions
from mapper.watchman.config import WatchmanConfig


@settings
class RecordingConfig:
    """The recording and the files that grow while frames arrive.

    image_every: frames between camera images in the recording.
    keyframe_points: points of each keyframe shown while the map grows.
    save_interval: time between writes of trajectory.txt while frames arrive; 0 = after each.
    """

    image_every: Frames = 3
    keyframe_points: Count = 6000
    save_interval: SecondsOrZero = 5.0


@settings
class ImagesConfig:
    """How large images are worked on.

    max_side: larger ones are reduced until their longer side is this, colour and depth, and the
        intrinsics with them; 0 = never.
    """

    max_side: PixelsOrZero = 1280


@settings
class MapperConfig:
    """All settings.

    frontend: its name; auto = by what there is: depth, saved predictions, weights.
    weights: a file, a folder or a published name for the learned frontends; empty = what is found.
    matcher: of local features, by which places and steps are recognised; auto = xfeat where its
        weights are at hand, else orb; lightglue sees most and takes longest.
    commercial: refuse weights whose published licence is non-commercial.
    threads: run the backend beside the frontend; results do not depend on it.
    images: how large images are worked on.
    rgbd: of the frontend rgbd.
    mono: of the frontend mono.
    sfm: of the frontend sfm.
    replay: of the frontend replay.
    predictions: of the frontend predictions.
    cut3r: of the frontend cut3r and its other update rules.
    cut3r_mini: of the frontend cut3r-mini.
    wint3r: of the frontend wint3r.
    stream3r: of the frontend stream3r.
    stream3r_mini: of the frontend stream3r-mini.
    streamvggt: of the frontend streamvggt.
    vggt: of the frontend vggt.
    da3: of the frontend da3.
    backend: keyframes, pose graph, loops, global alignment, fusion.
    pairwise: of the reference's pairwise alignment.
    watchman: when a network's predictions are not believed any more.
    recording: the recording and the files that grow while frames arrive.
    """

    frontend: Text = "auto"
    weights: Text = ""
    matcher: Annotated[Literal["auto", "xfeat", "orb", "lightglue"], WORD] = "auto"
    commercial: Switch = False
    threads: Switch = True
    images: ImagesConfig = field(default_factory=ImagesConfig)
    rgbd: RgbdConfig = field(default_factory=RgbdConfig)
    mono: MonoConfig = field(default_factory=MonoConfig)
    sfm: SfmConfig = field(default_factory=SfmConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    predictions: PredictionsConfig = field(default_factory=PredictionsConfig)
    cut3r: Cut3rOptions = field(default_factory=Cut3rOptions)
    cut3r_mini: Cut3rMiniOptions = field(default_factory=Cut3rMiniOptions)
    wint3r: Wint3rOptions = field(default_factory=Wint3rOptions)
    stream3r: Stream3rOptions = field(default_factory=Stream3rOptions)
    stream3r_mini: Stream3rMiniOptions = field(default_factory=Stream3rMiniOptions)
    streamvggt: StreamVggtOptions = field(default_factory=StreamVggtOptions)
    vggt: VggtOptions = field(default_factory=VggtOptions)
    da3: Da3Options = field(default_factory=Da3Options)
    backend: BackendConfig = field(default_factory=BackendConfig)
    pairwise: PairwiseConfig = field(default_factory=PairwiseConfig)
    watchman: WatchmanConfig = field(default_factory=WatchmanConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)

    @property
    def max_depth(self) -> float:
        """How far the map reaches, in its units: frontends need not use depth beyond it."""
        return self.backend.fusion.tsdf.max_depth

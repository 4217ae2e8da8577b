"""What the factories of frontends read of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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


class FrontendOptions(Protocol):
    """MapperConfig has it all.

    frontend: a name, or "auto". weights: file, folder or published name; empty = what is found.
    max_depth: beyond it depth is too noisy to be used, metres where the frontend is metric.
    commercial: refuse weights whose published licence is non-commercial.
    """

    @property
    def frontend(self) -> str:
        """Its name."""

    @property
    def weights(self) -> str:
        """Where they are."""

    @property
    def max_depth(self) -> float:
        """The limit of depth."""

    @property
    def commercial(self) -> bool:
        """Whether licences bind."""

    @property
    def rgbd(self) -> RgbdConfig:
        """Of the tracker of depth cameras."""

    @property
    def mono(self) -> MonoConfig:
        """Of the tracker of colour images."""

    @property
    def sfm(self) -> SfmConfig:
        """Of photographs."""

    @property
    def replay(self) -> ReplayConfig:
        """Of saved predictions."""

    @property
    def predictions(self) -> PredictionsConfig:
        """Of what another model saved."""

    @property
    def cut3r(self) -> Cut3rOptions:
        """Of CUT3R and its variants."""

    @property
    def cut3r_mini(self) -> Cut3rMiniOptions:
        """Of the small CUT3R that comes with the package."""

    @property
    def wint3r(self) -> Wint3rOptions:
        """Of WinT3R."""

    @property
    def stream3r(self) -> Stream3rOptions:
        """Of STream3R."""

    @property
    def stream3r_mini(self) -> Stream3rMiniOptions:
        """Of the small STream3R that comes with the package."""

    @property
    def streamvggt(self) -> StreamVggtOptions:
        """Of StreamVGGT."""

    @property
    def vggt(self) -> VggtOptions:
        """Of VGGT."""

    @property
    def da3(self) -> Da3Options:
        """Of Depth Anything 3."""

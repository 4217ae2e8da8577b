"""Configuration of the WinT3R network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mapper.errors import ConfigError
from mapper.frontends.layers.trunk import TrunkSizes
from mapper.frontends.published_arguments import PublishedArguments

# Arguments of the published constructor, and entries of its manifest, that change no output.
WITHOUT_EFFECT = frozenset(
    {"freeze", "head_type", "img_size", "landscape_only", "patch_embed_cls", "window_stride"}
)
# Arguments of which one value exists in published checkpoints, and only that one is built.
FIXED: Mapping[str, Any] = {
    "pos_embed": "RoPE100",
    "patch_size": 16,
    "norm_eps_encoder_decoder": 1e-6,
}
ARGUMENTS = PublishedArguments("WinT3R", FIXED, WITHOUT_EFFECT)


@dataclass(frozen=True, slots=True)
class PointHeadConfig:
    """dim_proj: channels at the patches' resolution. dim_upsample: after each doubling.
    last_conv_channels: at full resolution."""

    dim_proj: int = 768
    dim_upsample: tuple[int, int, int] = (384, 128, 64)
    last_conv_channels: int = 32

    @staticmethod
    def of(widths: Mapping[str, Any]) -> PointHeadConfig:
        """From an entry of a manifest or of a golden sidecar."""
        a, b, c = widths["dim_upsample"]
        return PointHeadConfig(widths["dim_proj"], (a, b, c), widths["last_conv_channels"])


@dataclass(frozen=True, slots=True)
class CameraHeadConfig:
    """depth: blocks of the trunk. num_heads: of its attention. iterations: refinements."""

    depth: int = 4
    num_heads: int = 16
    iterations: int = 4


@dataclass(frozen=True, slots=True)
class Wint3rConfig(TrunkSizes):
    """Sizes of the network, under the names of the published constructor.

    state_size: state tokens, laid out by state_pe ("2d", "1d").
    window_size: frames decoded together, as trained. camera_head, pts_head: of the heads.
    """

    state_size: int = 1024
    state_pe: str = "2d"
    window_size: int = 4
    camera_head: CameraHeadConfig = field(default_factory=CameraHeadConfig)
    pts_head: PointHeadConfig = field(default_factory=PointHeadConfig)

    def __post_init__(self) -> None:
        if self.state_pe not in ("2d", "1d"):
            raise ConfigError(f"state_pe {self.state_pe!r}: expected 2d or 1d")

    @staticmethod
    def of(
        arguments: Mapping[str, Any], point_head: Mapping[str, Any] | None = None
    ) -> Wint3rConfig:
        """From constructor arguments as in manifests and checkpoints; refuses unknown ones.

        point_head: dim_proj, dim_upsample and last_conv_channels where they are not the published
        ones.
        """
        chosen = ARGUMENTS.known(Wint3rConfig, arguments)
        if "camera_head" in chosen:
            chosen["camera_head"] = _camera_head(chosen["camera_head"])
        if point_head is not None:
            chosen["pts_head"] = point_head
        if "pts_head" in chosen:
            chosen["pts_head"] = PointHeadConfig.of(chosen["pts_head"])
        return Wint3rConfig(**chosen)


def _camera_head(entry: Mapping[str, Any]) -> CameraHeadConfig:
    """The sizes in a manifest's entry, whose other values are fixed in this head."""
    return CameraHeadConfig(entry["depth"], entry["num_heads"], entry["iterations"])

"""Configuration of the CUT3R network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mapper.errors import ConfigError
from mapper.frontends.layers.trunk import TrunkSizes
from mapper.frontends.published_arguments import PublishedArguments

# Arguments of the published constructor that do not change the network or its outputs.
WITHOUT_EFFECT = frozenset(
    {
        "freeze",
        "landscape_only",
        "mask_ratio",
        "model_update_type",
        "norm_layer",
        "patch_embed_cls",
    }
)
# Arguments of which one value exists in published checkpoints, and only that one is built.
FIXED: Mapping[str, Any] = {
    "output_mode": "pts3d+pose",
    "depth_mode": ("exp", -math.inf, math.inf),
    "pose_mode": ("exp", -math.inf, math.inf),
    "pos_embed": "RoPE100",
    "pose_head": True,
    "depth_head": False,
    "pose_conf_head": False,
    "norm_im2_in_dec": True,
}
ARGUMENTS = PublishedArguments("CUT3R", FIXED, WITHOUT_EFFECT)


@dataclass(frozen=True, slots=True)
class DptConfig:
    """feature_dim: channels of the fusion. last_dim: of the last layers. layer_dims: per level."""

    feature_dim: int = 256
    last_dim: int = 128
    layer_dims: tuple[int, int, int, int] = (96, 192, 384, 768)


@dataclass(frozen=True, slots=True)
class Cut3rConfig(TrunkSizes):
    """Sizes of the network, under the names of the published constructor.

    ray_enc_depth: blocks of the ray-map encoder. state_size: state tokens, laid out by state_pe
    ("2d", "1d", "none"). local_mem_size: slots of the pose memory. head_type: "dpt" or "linear".
    rgb_head: whether colour parameters exist. conf_mode: ("exp", floor, ceiling). img_size: longer
    side of the images that it was trained with, 0 = what is published for its heads; a pair, as
    published constructors have it, says nothing.
    """

    head_type: str = "dpt"
    state_size: int = 768
    state_pe: str = "2d"
    local_mem_size: int = 256
    patch_size: int = 16
    ray_enc_depth: int = 2
    rgb_head: bool = True
    conf_mode: tuple[str, float, float] = ("exp", 1.0, math.inf)
    img_size: int = 0
    dpt: DptConfig = field(default_factory=DptConfig)

    def __post_init__(self) -> None:
        if self.head_type not in ("dpt", "linear"):
            raise ConfigError(f"head_type {self.head_type!r}: expected dpt or linear")
        if self.state_pe not in ("2d", "1d", "none"):
            raise ConfigError(f"state_pe {self.state_pe!r}: expected 2d, 1d or none")
        if self.conf_mode[0] != "exp":
            raise ConfigError(f"conf_mode {self.conf_mode!r}: only exp is known")

    @staticmethod
    def of(arguments: Mapping[str, Any], dpt: Mapping[str, Any] | None = None) -> Cut3rConfig:
        """From constructor arguments as in manifests and checkpoints; refuses unknown ones.

        dpt: feature_dim, last_dim and layer_dims where they are not the published ones.
        """
        chosen = ARGUMENTS.known(Cut3rConfig, arguments)
        if not isinstance(chosen.get("img_size", 0), int):
            del chosen["img_size"]
        if dpt:
            a, b, c, d = dpt["layer_dims"]
            chosen["dpt"] = DptConfig(dpt["feature_dim"], dpt["last_dim"], (a, b, c, d))
        return Cut3rConfig(**chosen)

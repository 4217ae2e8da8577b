"""Configurations of the Depth Anything 3 networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mapper.errors import ConfigError
from mapper.frontends.published_arguments import PublishedArguments
from mapper.frontends.vggt.config import Levels

NEVER: Final = -1  # alt_start of a network whose views do not see one another
PUBLISHED_START: Final = 4  # of SMALL and BASE
DUAL, SINGLE = "DualDPT", "DPT"
# Keys of recorded configurations that follow from others, or of which one value exists.
WITHOUT_EFFECT: Final = frozenset(
    {"vit", "head_dim_in", "head_output_dim", "cam_enc_dim", "cam_dec_dim"}
)
ARGUMENTS: Final = PublishedArguments("Depth Anything 3", {}, WITHOUT_EFFECT)


@dataclass(frozen=True, slots=True)
class Da3Config:
    """Sizes of a network; the defaults are those of SMALL.

    img_size: side in pixels of the square whose position embedding is stored. gated: hidden width
    of gated perceptrons, 0 = plain ones. alt_start: the first layer with rotated positions; from
    there on every odd one sees all views; NEVER = none does. out_layers: those that the head reads.
    cat_token: it reads the last local layer beside. head: DualDPT has a branch of rays, DPT one of
    the sky. cam_enc_*: the encoder of known cameras, which networks of single views lack.
    """

    img_size: int = 518
    patch_size: int = 14
    embed_dim: int = 384
    depth: int = 12
    num_heads: int = 6
    mlp_ratio: float = 4.0
    gated: int = 0
    alt_start: int = PUBLISHED_START
    rope_freq: float = 100.0
    cat_token: bool = True
    out_layers: Levels = (5, 7, 9, 11)
    head: str = DUAL
    head_features: int = 64
    head_out_channels: Levels = (48, 96, 192, 384)
    cam_enc_heads: int = 16
    cam_enc_depth: int = 4

    def __post_init__(self) -> None:
        if max(self.out_layers) >= self.depth:
            raise ConfigError(f"out_layers {list(self.out_layers)}: there are {self.depth} layers")
        if min(self.out_layers) < self.alt_start:
            raise ConfigError(f"out_layers {list(self.out_layers)}: one is below alt_start")
        if self.head not in (DUAL, SINGLE):
            raise ConfigError(f"head={self.head!r} is not supported, only {DUAL!r} and {SINGLE!r}")
        if self.embed_dim % (4 * self.num_heads):
            raise ConfigError(f"embed_dim {self.embed_dim} does not fit {self.num_heads} heads")
        if (self.alt_start == NEVER) != (self.head == SINGLE) or self.alt_start == 0:
            raise ConfigError(f"alt_start={self.alt_start} does not go with head={self.head}")

    @property
    def sees_views(self) -> bool:
        """Whether views see one another."""
        return self.alt_start != NEVER

    @property
    def head_width(self) -> int:
        """Channels of the tokens that the head reads."""
        return 2 * self.embed_dim if self.cat_token else self.embed_dim

    def is_global(self, layer: int) -> bool:
        """Whether all views' tokens see one another in a layer."""
        return self.sees_views and layer >= self.alt_start and layer % 2 == 1

    @staticmethod
    def of(arguments: Mapping[str, Any]) -> Da3Config:
        """From a recorded configuration; refuses keys that it does not know."""
        chosen = dict(arguments)
        start = chosen.get("alt_start", PUBLISHED_START)
        for name in ("qknorm_start", "rope_start"):
            if chosen.pop(name, start) != start:
                raise ConfigError(f"{name} is not supported where it is not alt_start, {start}")
        return Da3Config(**ARGUMENTS.known(Da3Config, chosen))


_LARGE: Final = Da3Config(
    embed_dim=1024,
    depth=24,
    num_heads=16,
    alt_start=8,
    out_layers=(11, 15, 19, 23),
    head_features=256,
    head_out_channels=(256, 512, 1024, 1024),
)
_SINGLE: Final = replace(
    _LARGE, alt_start=NEVER, cat_token=False, out_layers=(4, 11, 17, 23), head=SINGLE
)
# METRIC and MONO have one configuration; only their weights differ.
PUBLISHED: Final[Mapping[str, Da3Config]] = {
    "small": Da3Config(),
    "base": Da3Config(
        embed_dim=768, num_heads=12, head_features=128, head_out_channels=(96, 192, 384, 768)
    ),
    "large": _LARGE,
    "giant": Da3Config(
        embed_dim=1536,
        depth=40,
        num_heads=24,
        gated=4096,
        alt_start=13,
        out_layers=(19, 27, 33, 39),
        head_features=256,
        head_out_channels=(256, 512, 1024, 1024),
    ),
    "metric": _SINGLE,
    "mono": _SINGLE,
}

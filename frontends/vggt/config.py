"""Configuration of the VGGT network, which STream3R and StreamVGGT share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mapper.errors import ConfigError
from mapper.frontends.published_arguments import PublishedArguments

Levels = tuple[int, int, int, int]

# Keys of recorded configurations that do not change the network.
WITHOUT_EFFECT: Final = frozenset({"freeze", "image_hw", "tokens_per_frame", "frames"})
FIXED: Final[Mapping[str, Any]] = {"qk_norm": True}
ARGUMENTS: Final = PublishedArguments("VGGT", FIXED, WITHOUT_EFFECT)
ITERATIONS: Final = 4  # of the camera head, through one trunk
PUBLISHED_TAPS: Final[Levels] = (4, 11, 17, 23)
PUBLISHED_CHANNELS: Final[Levels] = (256, 512, 1024, 1024)


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """Sizes of the track head.

    features: channels of the maps and of a track. hidden_size, depth, num_heads: the update
    transformer. stride: of the maps against the image. corr_levels, corr_radius: pyramid and window
    of the correlation. max_scale: pixels, by which flows are divided. dpt_*: feature extractor.
    """

    features: int = 128
    hidden_size: int = 384
    stride: int = 2
    corr_levels: int = 7
    corr_radius: int = 4
    iters: int = 4
    depth: int = 6
    max_scale: int = 518
    num_heads: int = 8
    num_virtual_tracks: int = 64
    dpt_features: int = 128
    dpt_layer_idx: Levels = PUBLISHED_TAPS
    dpt_out_channels: Levels = PUBLISHED_CHANNELS


@dataclass(frozen=True, slots=True)
class VggtConfig:
    """Sizes of the network; the defaults are the published ones.

    img_size: side in pixels of the square whose position embedding is stored. embed_dim: C.
    vit_*: the image encoder. agg_depth: pairs of a frame block and a global block. cam_*: trunk of
    the camera head. dpt_*: both dense heads; dpt_layer_idx: the pairs whose output they read.
    *_init_values: initial layer scales. track: None where there is no track head (STream3R).
    """

    img_size: int = 518
    patch_size: int = 14
    embed_dim: int = 1024
    vit_depth: int = 24
    vit_heads: int = 16
    agg_depth: int = 24
    agg_heads: int = 16
    num_register_tokens: int = 4
    cam_trunk_depth: int = 4
    cam_heads: int = 16
    dpt_features: int = 256
    dpt_out_channels: Levels = PUBLISHED_CHANNELS
    dpt_layer_idx: Levels = PUBLISHED_TAPS
    rope_freq: float = 100.0
    agg_init_values: float = 0.01
    vit_init_values: float = 1.0
    mlp_ratio: float = 4.0
    track: TrackConfig | None = None

    def __post_init__(self) -> None:
        if max(self.dpt_layer_idx) >= self.agg_depth:
            raise ConfigError(
                f"dpt_layer_idx {list(self.dpt_layer_idx)}: there are {self.agg_depth} layers"
            )
        if self.embed_dim % (4 * self.agg_heads):
            raise ConfigError(f"embed_dim {self.embed_dim} does not fit {self.agg_heads} heads")

    @property
    def special_tokens(self) -> int:
        """Camera and register tokens, which stand before a frame's patches."""
        return 1 + self.num_register_tokens

    @staticmethod
    def of(arguments: Mapping[str, Any], track_head: bool) -> VggtConfig:
        """From a recorded configuration; refuses keys that it does not know.

        track_head: whether to build it; the entry "track" holds its sizes, published ones else.
        """
        chosen = dict(arguments)
        track = chosen.pop("track", None) or {}
        width = chosen.pop("vit_embed_dim", None)
        config = VggtConfig(
            **ARGUMENTS.known(VggtConfig, chosen),
            track=TrackConfig(**ARGUMENTS.known(TrackConfig, track)) if track_head else None,
        )
        if width not in (None, config.embed_dim):
            raise ConfigError(f"vit_embed_dim={width}: must be embed_dim, {config.embed_dim}")
        return config

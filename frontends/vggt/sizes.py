"""The configuration of a network, told from its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.vggt.config import (
    PUBLISHED_TAPS,
    Levels,
    TrackConfig,
    VggtConfig,
)

PUBLISHED_DEPTH: Final = 24
RADII: Final = (4, 3, 2, 1)  # of the correlation window, the published one first
TRACKER: Final = "track_head.tracker"
EXTRACTOR: Final = "track_head.feature_extractor"


def config_of(tensors: Mapping[str, Tensor], stored: Mapping[str, Any] | None) -> VggtConfig:
    """From names and shapes, and from a stored constructor's arguments where there are any.

    What shapes do not tell is as published: the heads of encoder and camera are as many as those of
    the aggregator, and the dense heads read its layers at the published share of its depth.
    Raises ConfigError for a tensor that is missing and for arguments that are not known.
    """
    try:
        config = _from_shapes(tensors)
    except KeyError as error:
        raise ConfigError(f"tensor {error.args[0]} is missing") from error
    if not stored:
        return config
    track = stored.get("track") or {}
    given = {name: value for name, value in stored.items() if name != "track"}
    merged = {**asdict(config), **given}
    merged["track"] = {**(merged["track"] or {}), **track}
    return VggtConfig.of(merged, config.track is not None)


def _from_shapes(tensors: Mapping[str, Tensor]) -> VggtConfig:
    def shape(name: str) -> tuple[int, ...]:
        return tuple(tensors[name].shape)

    width = shape("aggregator.camera_token")[-1]
    patch = shape("aggregator.patch_embed.patch_embed.proj.weight")[-1]
    depth = _count(tensors, "aggregator.global_blocks")
    heads = width // shape("aggregator.global_blocks.0.attn.q_norm.weight")[0]
    places = shape("aggregator.patch_embed.pos_embed")[1] - 1
    return VggtConfig(
        img_size=patch * math.isqrt(places),
        patch_size=patch,
        embed_dim=width,
        vit_depth=_count(tensors, "aggregator.patch_embed.blocks"),
        vit_heads=heads,
        agg_depth=depth,
        agg_heads=heads,
        num_register_tokens=shape("aggregator.register_token")[2],
        cam_trunk_depth=_count(tensors, "camera_head.trunk"),
        cam_heads=heads,
        dpt_features=shape("depth_head.scratch.layer1_rn.weight")[0],
        dpt_out_channels=_channels(tensors, "depth_head"),
        dpt_layer_idx=taps(depth),
        mlp_ratio=shape("aggregator.global_blocks.0.mlp.fc1.weight")[0] / width,
        track=_track(tensors, depth) if f"{TRACKER}.query_ref_token" in tensors else None,
    )


def _track(tensors: Mapping[str, Tensor], depth: int) -> TrackConfig:
    window = tensors[f"{TRACKER}.corr_mlp.fc1.weight"].shape[1]
    radius = next((r for r in RADII if window % (2 * r + 1) ** 2 == 0), 0)
    virtual = tensors[f"{TRACKER}.updateformer.virual_tracks"].shape
    return TrackConfig(
        features=len(tensors[f"{TRACKER}.fmap_norm.weight"]),
        hidden_size=virtual[3],
        corr_levels=window // (2 * radius + 1) ** 2,
        corr_radius=radius,
        depth=_count(tensors, f"{TRACKER}.updateformer.time_blocks"),
        num_virtual_tracks=virtual[1],
        dpt_features=tensors[f"{EXTRACTOR}.scratch.layer1_rn.weight"].shape[0],
        dpt_layer_idx=taps(depth),
        dpt_out_channels=_channels(tensors, EXTRACTOR),
    )


def taps(depth: int) -> Levels:
    """The layers that the dense heads read."""
    if depth == PUBLISHED_DEPTH:
        return PUBLISHED_TAPS
    first, second, third, last = (max(depth * k // 4 - 1, 0) for k in (1, 2, 3, 4))
    return first, second, third, last


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Numbered modules under a name."""
    names = (name.removeprefix(f"{prefix}.") for name in tensors if name.startswith(f"{prefix}."))
    return len({name.partition(".")[0] for name in names})


def _channels(tensors: Mapping[str, Tensor], head: str) -> Levels:
    a, b, c, d = (tensors[f"{head}.projects.{number}.weight"].shape[0] for number in range(4))
    return a, b, c, d

"""The configuration of a network, told from its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.da3.config import DUAL, NEVER, PUBLISHED, SINGLE, Da3Config
from mapper.frontends.vggt.config import Levels

VIT: Final = "backbone.pretrained"


def config_of(tensors: Mapping[str, Tensor], stored: Mapping[str, Any] | None) -> Da3Config:
    """From names and shapes, and from what is stored beside them where that is in plain words.

    What shapes do not tell is as published: which layers the head reads goes by the depth. Raises
    ConfigError for a tensor that is missing, and for sizes of which none of this is known.
    """
    try:
        found = _from_shapes(tensors)
    except KeyError as error:
        raise ConfigError(f"tensor {error.args[0]} is missing") from error
    if stored and "embed_dim" in stored:
        return Da3Config.of({**found, **stored})
    known = next((c for c in PUBLISHED.values() if _fits(asdict(c), found)), None)
    if known is None:
        raise ConfigError(
            "of sizes that none of the published networks has, and no configuration is stored "
            "beside"
        )
    return known


def _fits(config: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(config[name] == value for name, value in found.items())


def _from_shapes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fields that names and shapes tell."""

    def shape(name: str) -> tuple[int, ...]:
        return tuple(tensors[name].shape)

    width = shape(f"{VIT}.cls_token")[-1]
    patch = shape(f"{VIT}.patch_embed.proj.weight")[-1]
    side = round((shape(f"{VIT}.pos_embed")[1] - 1) ** 0.5)
    sees_views = f"{VIT}.camera_token" in tensors
    return {
        "img_size": patch * side,
        "patch_size": patch,
        "embed_dim": width,
        "depth": _count(tensors, f"{VIT}.blocks"),
        "gated": _gated(tensors),
        "alt_start": _alt_start(tensors) if sees_views else NEVER,
        "head": DUAL if sees_views else SINGLE,
        "head_features": shape("head.scratch.layer1_rn.weight")[0],
        "head_out_channels": _channels(tensors),
        **({} if sees_views else {"cat_token": False}),
    }


def _gated(tensors: Mapping[str, Tensor]) -> int:
    name = f"{VIT}.blocks.0.mlp.w3.weight"
    return tensors[name].shape[1] if name in tensors else 0


def _alt_start(tensors: Mapping[str, Tensor]) -> int:
    layers = range(_count(tensors, f"{VIT}.blocks"))
    normed = (i for i in layers if f"{VIT}.blocks.{i}.attn.q_norm.weight" in tensors)
    return next(normed, NEVER)


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Numbered modules under a name."""
    names = (name.removeprefix(f"{prefix}.") for name in tensors if name.startswith(f"{prefix}."))
    return len({name.partition(".")[0] for name in names})


def _channels(tensors: Mapping[str, Tensor]) -> Levels:
    a, b, c, d = (tensors[f"head.projects.{number}.weight"].shape[0] for number in range(4))
    return a, b, c, d

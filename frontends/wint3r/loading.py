"""A WinT3R network out of a checkpoint file, without executing anything in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.loading import load_strictly
from mapper.frontends.wint3r.config import PointHeadConfig, Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.weights.checkpoint import Checkpoint, load_checkpoint
from mapper.weights.identify import check_model
from mapper.weights.model_text import parse_model_text

MODEL = "wint3r"
PUBLISHED_WIDTH = 1024  # of the encoder; checkpoints without a stored configuration have no other
WIDTH_TENSORS = (
    "pts_head.projects.0.weight",
    "pts_head.upsample_blocks.0.0.1.weight",
    "pts_head.upsample_blocks.1.0.1.weight",
    "pts_head.upsample_blocks.2.0.1.weight",
    "pts_head.output_block.0.0.weight",
)


def load_wint3r(path: Path) -> Wint3r:
    """The network with its weights, in evaluation mode, float32 on the CPU.

    Raises InputError for a checkpoint of another model and where names or shapes do not fit.
    """
    checkpoint = load_checkpoint(path)
    check_model(checkpoint.tensors, MODEL, path)
    try:
        config = _config(checkpoint, path)
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from error
    with torch.device("meta"):
        model = Wint3r(config)
    load_strictly(model, checkpoint.tensors, path)
    model.pts_head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.float().eval().requires_grad_(False)


def _config(checkpoint: Checkpoint, path: Path) -> Wint3rConfig:
    """From a stored configuration, read as data; else from the published sizes."""
    tensors = checkpoint.tensors
    missing = [name for name in ("enc_norm.weight", *WIDTH_TENSORS) if name not in tensors]
    if missing:
        raise InputError(
            f"{path}: not a checkpoint of WinT3R, tensor {missing[0]} is missing; "
            "mapper weights verify says more"
        )
    if checkpoint.model_text is not None:
        _, arguments = parse_model_text(checkpoint.model_text)
        config = Wint3rConfig.of(arguments)
    elif checkpoint.config is not None and "enc_embed_dim" in checkpoint.config:
        config = Wint3rConfig.of(checkpoint.config)
    elif len(tensors["enc_norm.weight"]) == PUBLISHED_WIDTH:
        config = Wint3rConfig()
    else:
        raise InputError(
            f"{path}: stores no configuration and has not the published sizes; "
            "give the original file"
        )
    return dataclasses.replace(config, pts_head=_point_head(tensors))


def _point_head(tensors: Mapping[str, Tensor]) -> PointHeadConfig:
    """The widths of the point head, which no constructor text tells."""
    project, first, second, third, last = (len(tensors[name]) for name in WIDTH_TENSORS)
    return PointHeadConfig(project, (first, second, third), last)

"""A CUT3R network out of a checkpoint file, without executing anything in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.cut3r.config import Cut3rConfig, DptConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.loading import load_strictly
from mapper.weights.checkpoint import Checkpoint, add_state_decoder, load_checkpoint
from mapper.weights.identify import check_model
from mapper.weights.model_text import parse_model_text

MODEL = "cut3r"
PUBLISHED_WIDTH = 1024  # of the encoder; checkpoints without a stored constructor have no other
DPT_SCRATCH = "downstream_head.dpt_self.scratch"
DPT_LAST = "downstream_head.dpt_self.head.2.weight"


def load_cut3r(path: Path) -> Cut3r:
    """The network with its weights, in evaluation mode, float32 on the CPU.

    Raises InputError for a checkpoint of another model and where names or shapes do not fit.
    """
    checkpoint = load_checkpoint(path)
    check_model(checkpoint.tensors, MODEL, path)
    tensors = add_state_decoder(checkpoint.tensors)
    try:
        config = _config(checkpoint, tensors, path)
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from error
    with torch.device("meta"):
        model = Cut3r(config)
    load_strictly(model, tensors, path)
    return model.float().eval().requires_grad_(False)


def _config(checkpoint: Checkpoint, tensors: Mapping[str, Tensor], path: Path) -> Cut3rConfig:
    """From the stored constructor text, read as data, or the config.json of `mapper train`; else
    from the published sizes."""
    if checkpoint.model_text is not None:
        _, arguments = parse_model_text(checkpoint.model_text)
        config = Cut3rConfig.of(arguments)
    elif checkpoint.config is not None and "enc_embed_dim" in checkpoint.config:
        sizes = {name: value for name, value in checkpoint.config.items() if name != "dpt"}
        config = Cut3rConfig.of(sizes)
    else:
        if "enc_norm.weight" not in tensors:
            raise InputError(f"{path}: not a checkpoint of CUT3R; mapper weights verify says more")
        if len(tensors["enc_norm.weight"]) != PUBLISHED_WIDTH:
            raise InputError(
                f"{path}: stores no configuration and has not the published sizes; "
                "give the original file"
            )
        config = Cut3rConfig(head_type="dpt" if _has_dpt(tensors) else "linear")
    return dataclasses.replace(config, dpt=_dpt(tensors)) if _has_dpt(tensors) else config


def _has_dpt(tensors: Mapping[str, Tensor]) -> bool:
    return f"{DPT_SCRATCH}.layer1_rn.weight" in tensors


def _dpt(tensors: Mapping[str, Tensor]) -> DptConfig:
    """The widths of the dense head, which no constructor text tells."""
    needed = [f"{DPT_SCRATCH}.layer{number}_rn.weight" for number in (1, 2, 3, 4)]
    missing = [name for name in (*needed, DPT_LAST) if name not in tensors]
    if missing:
        raise ConfigError(f"tensor {missing[0]} is missing; mapper weights verify says more")
    layers = [tensors[f"{DPT_SCRATCH}.layer{number}_rn.weight"].shape for number in (1, 2, 3, 4)]
    last = tensors[DPT_LAST].shape[0]
    first, second, third, fourth = (shape[1] for shape in layers)
    return DptConfig(layers[0][0], last, (first, second, third, fourth))

"""A VGGT network out of a checkpoint, without executing anything in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.loading import load_strictly
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.sizes import config_of
from mapper.weights.checkpoint import load_checkpoint
from mapper.weights.identify import check_model

logger = logging.getLogger(__name__)

STREAM3R: Final = "stream3r"
TRACKS: Final = "track_head."


def load_vggt(path: Path, model: str) -> Vggt:
    """The network with its weights, in evaluation mode, float32 on the CPU.

    path: a Hugging Face folder (config.json beside the weights), a flat or nested .pth, or
    safetensors. model: "stream3r", "streamvggt" or "vggt". Raises InputError for a checkpoint of
    another model and where names or shapes do not fit.
    """
    checkpoint = load_checkpoint(path)
    tensors = checkpoint.tensors
    if model == STREAM3R:
        tensors = _without_tracks(tensors, path)
    check_model(tensors, model, path)
    try:
        config = config_of(tensors, checkpoint.config)
    except ConfigError as error:
        raise InputError(f"{path}: {error}; mapper weights verify says more") from error
    with torch.device("meta"):
        network = Vggt(config)
    load_strictly(network, tensors, path)
    return network.float().eval().requires_grad_(False).channels_last()


def _without_tracks(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """STream3R has no track head, though it was trained from weights that have one."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(TRACKS)}
    if len(kept) < len(tensors):
        logger.warning(
            "%s: its track head is left out; STream3R's published weights have none, so these may "
            "be another model's",
            path,
        )
    return kept

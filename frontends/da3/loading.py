"""Depth Anything 3 networks out of checkpoints, without executing anything in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from mapper.errors import ConfigError, InputError
from mapper.frontends.da3.config import PUBLISHED, Da3Config
from mapper.frontends.da3.network import Da3, Da3Single
from mapper.frontends.da3.sizes import config_of
from mapper.frontends.loading import load_strictly
from mapper.weights.checkpoint import load_checkpoint
from mapper.weights.identify import check_model

logger = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)
# In NESTED one checkpoint holds two networks.
NESTED: Final = {"da3": "da3.", "da3-metric": "da3_metric.", "da3-mono": "da3_metric."}
# What GIANT has beside the parts that are built here: a head of Gaussians, which no map is made of.
PARTS: Final = ("backbone.", "head.", "cam_dec.", "cam_enc.")
SHARED_FROM: Final = "head.scratch.output_conv2_aux.0.2."
SHARED_BY: Final = tuple(f"head.scratch.output_conv2_aux.{level}.2." for level in (1, 2, 3))


def load_da3(path: Path, size: str | None = None) -> Da3:
    """The network with its weights, in evaluation mode, float32 on the CPU.

    path: a folder as Hugging Face has it, or the file in it. size: of PUBLISHED, which the weights
    must not be another one of. Raises InputError for a checkpoint of another model or size and
    where names or shapes do not fit.
    """
    tensors, stored = _tensors(path, "da3")
    config = _config(tensors, stored, path)
    _check_size(config, size, path)
    return _loaded(Da3, config, tensors, path)


def load_single(path: Path, model: str = "da3-metric") -> Da3Single:
    """METRIC or MONO, likewise."""
    tensors, stored = _tensors(path, model)
    return _loaded(Da3Single, _config(tensors, stored, path), tensors, path)


def without_shared(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors without the names by which one norm is stored again, as in published files.

    InputError where such a name holds other values: it cannot be the norm that is shared.
    """
    kept = dict(tensors)
    for prefix in SHARED_BY:
        for name in ("weight", "bias"):
            copy, own = kept.pop(prefix + name, None), tensors.get(SHARED_FROM + name)
            if copy is not None and (own is None or not torch.equal(copy, own)):
                raise InputError(
                    f"{path}: {prefix}{name} is not equal to {SHARED_FROM}{name}, which published "
                    "weights share; give the original file"
                )
    return kept


def _tensors(path: Path, model: str) -> tuple[dict[str, Tensor], Mapping[str, Any] | None]:
    checkpoint = load_checkpoint(path)
    tensors = checkpoint.tensors
    if any(name.startswith(NESTED["da3-metric"]) for name in tensors):
        prefix = NESTED[model]
        tensors = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
    check_model(tensors, model, path)
    left = [name for name in tensors if not name.startswith(PARTS)]
    if left:
        logger.info(
            "%s: %d tensors of other heads are left out, %s first", path, len(left), left[0]
        )
    kept = {name: tensor for name, tensor in tensors.items() if name.startswith(PARTS)}
    return without_shared(kept, path), (checkpoint.config or {}).get("config")


def _config(
    tensors: Mapping[str, Tensor], stored: Mapping[str, Any] | None, path: Path
) -> Da3Config:
    try:
        return config_of(tensors, stored)
    except ConfigError as error:
        raise InputError(f"{path}: {error}; mapper weights verify says more") from error


def _check_size(config: Da3Config, size: str | None, path: Path) -> None:
    found = next((name for name, known in PUBLISHED.items() if known == config), None)
    if size is None or found == size:
        return
    if found is not None:
        raise InputError(
            f"{path}: these are weights of {found}, not of {size}; give da3.model={found}, or "
            f"weights of {size}"
        )
    logger.warning("%s: weights of none of the published sizes", path)


def _loaded(
    kind: type[Network], config: Da3Config, tensors: Mapping[str, Tensor], path: Path
) -> Network:
    try:
        with torch.device("meta"):
            network = kind(config)
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from error
    load_strictly(network, tensors, path)
    network.float().eval().requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return network

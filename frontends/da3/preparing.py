"""A network of Depth Anything 3 out of its weights, ready on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.heads import AUX, LEVELS
from mapper.frontends.da3.loading import load_da3
from mapper.frontends.da3.network import Da3
from mapper.frontends.da3.options import NAME, Da3Options
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.layers.precision import Precision, set_precision
from mapper.frontends.loading import move
from mapper.frontends.vggt.cache.heap import keep_freed_memory

PUBLISHED_SIZE, SMALL_SIZE = 504, 252  # of images, on a GPU and on a CPU
SIZES: Final = {f"{NAME}-{size}": size for size in PUBLISHED}  # by the published names of weights


def named_weights(options: Da3Options, weights: str | None) -> str:
    """What was given, or the published name of the model that was chosen."""
    return weights or f"{NAME}-{options.model}"


def image_size(options: Da3Options, device: torch.device) -> int:
    """Of the images' longer side."""
    return options.image_size or (SMALL_SIZE if device.type == "cpu" else PUBLISHED_SIZE)


def prepared_network(
    path: Path, options: Da3Options, name: str, device: torch.device, precision: Precision
) -> Da3:
    """name: as of `named_weights`. Raises InputError for weights of another size."""
    model = load_da3(path, SIZES.get(name, options.model))
    set_precision(model, precision, device)
    move(model, device, [] if options.cameras == "rays" else _rays())
    if device.type == "cpu":
        keep_freed_memory()
        if CAN_PACK:
            pack_linears(model.cam_dec)
    if options.compile == "on":
        for block in model.backbone.pretrained.blocks:
            block.compile()
    return model


def _rays() -> list[str]:
    """The branch that stays on the CPU where nobody asks it."""
    chain = [f"refinenet{number}{AUX}" for number in range(1, LEVELS + 1)]
    branch = [*chain, f"output_conv1{AUX}", f"output_conv2{AUX}"]
    return [f"head.scratch.{name}" for name in branch]

"""The network in half precision where that is published to be harmless."""

from __future__ import annotations

import torch
from torch import nn

from mapper.frontends.vggt.network import Vggt


def to_bfloat16(model: Vggt) -> Vggt:
    """The weights of the aggregator's products in bfloat16, in place.

    Norms, the residual stream and all heads stay float32, as published under autocast; there the
    keys, too, are cached in float32, here in bfloat16.
    """
    for module in model.aggregator.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)
    return model

"""Blocks and dense heads that keep nothing for the gradient, and are computed again for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from torch import nn
from torch.utils.checkpoint import checkpoint

from mapper.frontends.cut3r.dpt import Dpt as Cut3rDpt
from mapper.frontends.cut3r.modulation import ModulatedBlock
from mapper.frontends.layers.block import DecoderBlock, EncoderBlock
from mapper.frontends.vggt.block import Block
from mapper.frontends.vggt.dpt import Dpt as VggtDpt
from mapper.frontends.wint3r.blocks import WindowBlock
from mapper.frontends.wint3r.camera_head import TrunkBlock
from mapper.frontends.wint3r.point_head import PointHead

# Each keeps no more than what goes in and comes out of it. VGGT's heads take a few frames at a time
# already; each such chunk is one.
WHOLE: Final = (
    *(EncoderBlock, DecoderBlock, ModulatedBlock, Cut3rDpt),
    *(Block, WindowBlock, TrunkBlock, PointHead),
)


def recompute(model: nn.Module) -> None:
    """In place; results, gradients and names stay the same."""
    for module in model.modules():
        if isinstance(module, VggtDpt):
            module._chunk = _again(module._chunk)  # type: ignore[method-assign]
        elif isinstance(module, WHOLE):
            module.forward = _again(module.forward)  # type: ignore[method-assign]


def _again(forward: Callable[..., Any]) -> Callable[..., Any]:
    return partial(checkpoint, forward, use_reentrant=False)

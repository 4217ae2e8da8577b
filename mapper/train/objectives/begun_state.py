"""CUT3R's drawn weights at which its state already keeps the first view and is looked up again.

Drawn by chance, the state's tokens are told of nothing for hundreds of steps: what a later patch
should find in them was not copied there, and nothing is copied that nobody finds. Here the state's
first cross attention begins by copying the patch at its own place, and those that look for what is
seen again begin by looking for what is alike. Weights stay as free as any others are.

Source of the idea: Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers", 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import torch
from torch import nn

from mapper.train.objectives.taught_state import check_block

if TYPE_CHECKING:
    from mapper.frontends.cut3r.model import Cut3r
    from mapper.frontends.layers.attention import CrossAttention

PLACE: Final = 4.5  # bias of queries and keys: a neighbour's place is looked at by 1/100
ALIKE: Final = 1.5  # length of what queries and keys are projected on


@torch.no_grad()
def begin_matching(model: Cut3r, block: int) -> None:
    """block: at which attention looks for what is seen again; see TaughtState. Raises ConfigError
    where there is none."""
    check_block(model, block)
    image, state = (
        [cast("CrossAttention", each.get_submodule("cross_attn")) for each in blocks]
        for blocks in (model.dec_blocks, model.dec_blocks_state)
    )
    _look_at_own_place(state[0], state[0].heads)
    _copy(state[0])
    _look_at_own_place(image[0], 1)
    for attention in (image[block], state[block]):
        _look_for_the_like(attention)


def _look_at_own_place(attention: CrossAttention, heads: int) -> None:
    """By rotated constants, which agree most where positions do; the first so many heads."""
    rows = heads * attention.projq.weight.shape[0] // attention.heads
    for layer in (attention.projq, attention.projk):
        layer.weight[:rows] = 0
        assert layer.bias is not None
        layer.bias[:rows] = PLACE


def _copy(attention: CrossAttention) -> None:
    """What is looked at arrives as it is."""
    nn.init.orthogonal_(attention.projv.weight)
    attention.proj.weight.copy_(attention.projv.weight.T)


def _look_for_the_like(attention: CrossAttention) -> None:
    """With the first head."""
    rows = attention.projq.weight.shape[0] // attention.heads
    nn.init.orthogonal_(attention.projq.weight[:rows], gain=ALIKE)
    attention.projk.weight[:rows] = attention.projq.weight[:rows]

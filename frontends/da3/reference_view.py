"""Which of several views the others are told relative to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Choice = Literal["first", "middle", "saddle_balanced", "saddle_sim_range"]
FEWEST: Final = 3  # views; of fewer the first is taken whatever the choice
MIDDLE: Final = 0.5  # of measures brought to 0 .. 1
TINY: Final = 1e-8


def reference_view(class_tokens: Float[Tensor, "b s c"], choice: Choice) -> Int[Tensor, " b"]:
    """The index of each sequence's reference view.

    saddle_balanced: the one whose similarity to the others, norm and spread are most average.
    saddle_sim_range: the one whose similarities differ most.
    """
    batch, views = class_tokens.shape[:2]
    zero = torch.zeros(batch, dtype=torch.long, device=class_tokens.device)
    if views < FEWEST or choice == "first":
        return zero
    if choice == "middle":
        return zero + views // 2
    lengths = class_tokens.norm(dim=-1)
    unit = class_tokens / lengths[..., None]
    alike = unit @ unit.transpose(1, 2) - torch.eye(views, device=unit.device)
    if choice == "saddle_sim_range":
        return (alike.amax(-1) - alike.amin(-1)).argmax(-1)
    measures = torch.stack([alike.sum(-1) / (views - 1), lengths, unit.var(-1)])
    least, most = measures.amin(-1, keepdim=True), measures.amax(-1, keepdim=True)
    balanced = (measures - least) / (most - least + TINY)
    return (balanced - MIDDLE).abs().sum(0).argmin(-1)

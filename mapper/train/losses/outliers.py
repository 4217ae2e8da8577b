"""The largest residuals are left out: truth has outliers that no network should learn."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from mapper.train.losses.terms import LIMIT, finite

FEWEST: Final = 1000  # of fewer none is left out
MOST: Final = 100_000_000  # of more, as many as SAMPLE stand for all
SAMPLE: Final = 1_000_000


def without_largest(values: Tensor, share: float = 0.98) -> Tensor:
    """Those below the share-quantile (nearest rank), all if no more than FEWEST would remain.

    values: (N,). Source: the losses of VGGT and of STream3R as published.
    """
    if len(values) <= FEWEST:
        return finite(values)
    if len(values) > MOST:
        values = values[torch.randint(len(values), (SAMPLE,), device=values.device)]
    values = values.clamp(max=LIMIT)
    rank = round(share * (len(values) - 1)) + 1
    threshold = values.detach().kthvalue(rank).values.clamp(max=LIMIT)
    below = values[values < threshold]
    return finite(below if len(below) > FEWEST else values)

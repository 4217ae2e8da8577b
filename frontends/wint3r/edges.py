"""Which points of a pointmap are worth keeping: not too far, not at a depth edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

EDGE = 0.05  # share of the depth, published
FARTHEST = 500.0  # units of the network, published


def depth_edges(
    depth: Float[Tensor, "b h w"],
    relative: float | None = EDGE,
    absolute: float | None = None,
    mask: Bool[Tensor, "b h w"] | None = None,
) -> Bool[Tensor, "b h w"]:
    """Where depth varies too much in the 3x3 pixels around.

    relative: more than this share of the depth; absolute: more than this. mask: the
    pixels that count. Pixels beyond the border do not. No depth at all is no edge (NaN).
    """
    highest, lowest = depth, -depth
    if mask is not None:
        highest = highest.masked_fill(~mask, -torch.inf)
        lowest = lowest.masked_fill(~mask, -torch.inf)
    span = _pooled(highest) + _pooled(lowest)
    edges = torch.zeros_like(depth, dtype=torch.bool)
    if absolute is not None:
        edges |= span > absolute
    if relative is not None:
        edges |= (span / depth).nan_to_num(nan=0.0) > relative
    return edges


def kept_points(
    depth: Float[Tensor, "b h w"], relative: float = EDGE, farthest: float = FARTHEST
) -> Bool[Tensor, "b h w"]:
    """The points that the published reconstruction writes.

    relative = 0: edges are kept. (Section 10 of the description.)
    """
    near = depth < farthest
    return near & ~depth_edges(depth, relative) if relative else near


def _pooled(depth: Tensor) -> Tensor:
    return functional.max_pool2d(depth[:, None], 3, stride=1, padding=1)[:, 0]

"""How the tracker is told of motion and of places in the image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

FLOW_RANGE = 1000.0
POSITION_BASE = 10000.0


def flow_embedding(flow: Tensor, channels: int) -> Tensor:
    """flow (..., 2) to (..., 2 * channels): sine and cosine by turns, x before y.

    The frequencies grow linearly, not exponentially, as the network was trained.
    """
    frequency = torch.arange(0, channels, 2, dtype=flow.dtype, device=flow.device)
    angle = flow[..., None] * (frequency * (FLOW_RANGE / channels))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-3)


def grid_embedding(xy: Tensor, channels: int) -> Tensor:
    """xy (..., 2) to (..., channels): the position map of whole pixels, linear in between.

    Half of the channels knows x alone, half y alone, so the map itself is never made.
    """
    return torch.cat([_axis_embedding(xy[..., axis], channels // 2) for axis in (0, 1)], -1)


def _axis_embedding(place: Tensor, channels: int) -> Tensor:
    """(...,) to (..., channels), sines then cosines, computed in double precision."""
    low = place.double().floor()
    share = (place.double() - low)[..., None]
    order = torch.arange(channels // 2, dtype=torch.float64, device=place.device)
    frequency = POSITION_BASE ** (-order / (channels / 2))

    def at(pixel: Tensor) -> Tensor:
        angle = pixel[..., None] * frequency
        return torch.cat([angle.sin(), angle.cos()], -1)

    return (at(low) * (1 - share) + at(low + 1) * share).to(place.dtype)


def sampled(maps: Tensor, xy: Tensor, outside: Literal["border", "zeros"]) -> Tensor:
    """maps (B, C, h, w) at xy (B, n, 2) in pixels, bilinear; returns (B, n, C)."""
    height, width = maps.shape[-2:]
    size = xy.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = (2 * xy / size - 1)[:, :, None]
    found = functional.grid_sample(
        maps, grid.to(maps.dtype), padding_mode=outside, align_corners=True
    )
    return found.squeeze(-1).transpose(1, 2)

"""Sine and cosine of where a pixel stands, added to the dense heads' maps."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

BASE = 100.0


def add_positions(
    image: Tensor, aspect: float, share: float, digits: torch.dtype = torch.float64
) -> Tensor:
    """image (N, K, h, w) plus `share` of its positional map, in place.

    The first half of the channels depends on the column alone, the second on the row alone, so the
    map itself is never made. digits: type in which angles are computed.
    """
    channels, height, width = image.shape[1:]
    columns, rows = axes(height, width, aspect)
    half = channels // 2
    kind = share, image.dtype, image.device, digits
    across, down = (_embedding(axis, half, *kind) for axis in (columns, rows))
    image[:, :half] += across[:, None, :]
    image[:, half:] += down[:, :, None]
    return image


def axes(height: int, width: int, aspect: float) -> tuple[tuple[float, int], tuple[float, int]]:
    """(largest coordinate, count) of the columns and of the rows.

    Coordinates are symmetric about the centre, and the image's half diagonal is 1.
    """
    diagonal = (aspect**2 + 1) ** 0.5
    return (
        (aspect / diagonal * (width - 1) / width, width),
        (1 / diagonal * (height - 1) / height, height),
    )


@cache  # for good: a CUDA graph may have been captured that reads them
def _embedding(
    axis: tuple[float, int],
    channels: int,
    share: float,
    dtype: torch.dtype,
    device: torch.device,
    digits: torch.dtype,
) -> Tensor:
    """(channels, count): `share` of sines, then of cosines."""
    with torch.inference_mode(False):
        largest, count = axis
        place = torch.linspace(-largest, largest, count, dtype=torch.float32)
        quarter = channels // 2
        order = torch.arange(quarter, dtype=digits) / quarter
        angle = place.to(digits) * (1.0 / BASE**order)[:, None]
        whole = torch.cat([angle.sin(), angle.cos()]).float()
        return (share * whole.to(dtype)).to(device)

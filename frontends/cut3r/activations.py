"""From the heads' raw numbers to points, confidences, colours and poses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST_NORM = 1e-8
RGB_MARGIN = 1e-6


def points_exp(raw: Tensor) -> Tensor:
    """(..., 3): the direction is kept, a length d becomes exp(d) - 1."""
    length = raw.norm(dim=-1, keepdim=True)
    return raw / length.clamp(min=SMALLEST_NORM) * torch.expm1(length)


def facing_forward(raw: Tensor) -> Tensor:
    """(..., 3) turned through the origin so that z >= 0; a point with z = 0 vanishes."""
    return raw * raw[..., 2:3].sign()


def confidence_exp(raw: Tensor, floor: float, ceiling: float) -> Tensor:
    """floor + exp(raw), at most `ceiling`."""
    return floor + raw.exp().clamp(max=ceiling - floor)


def rgb_sigmoid(raw: Tensor) -> Tensor:
    """Colours in [-1, 1], kept a hair away from both ends."""
    unit = raw.sigmoid() * (1 - 2 * RGB_MARGIN) + RGB_MARGIN
    return (unit - 0.5) * 2


def pose_exp(raw: Tensor) -> Tensor:
    """(..., 7) raw to translation (exp of its length) and unit quaternion wxyz with w >= 0."""
    translation = points_exp(raw[..., :3])
    quaternion_wxyz = functional.normalize(raw[..., 3:7], dim=-1)
    sign = torch.where(quaternion_wxyz[..., :1] < 0, -1.0, 1.0)
    return torch.cat([translation, sign * quaternion_wxyz], -1)

"""The focal length that a pointmap implies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ITERATIONS = 10
SMALLEST_ERROR = 1e-8


def weiszfeld_focal(
    pointmap: Tensor, principal_point: Tensor, bounds: tuple[float, float] = (0.0, math.inf)
) -> Tensor:
    """(B,) focal lengths in pixels from pointmaps (B, H, W, 3) in the camera frame.

    Least sum of distances (not squares) between pixels and projected points, by iterative
    reweighting. principal_point: (B, 2) as (x, y); published: (W // 2, H // 2) of the prediction.
    bounds: multiples of the focal length of a 60 degree view of the longer side.
    """
    _, height, width, _ = pointmap.shape
    pixels = _centred_pixels(height, width, principal_point)
    rays = pointmap[..., :2] / pointmap[..., 2:3]
    rays = rays.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).flatten(1, 2)
    along, square = (rays * pixels).sum(-1), rays.square().sum(-1)
    focal = along.mean(1) / square.mean(1)
    for _ in range(ITERATIONS):
        error = (pixels - focal[:, None, None] * rays).norm(dim=-1)
        weight = error.clamp(min=SMALLEST_ERROR).reciprocal()
        focal = (weight * along).mean(1) / (weight * square).mean(1)
    return _clipped(focal, height, width, bounds)


def median_focal(pointmap: Tensor, principal_point: Tensor) -> Tensor:
    """(B,): the median over both axes of the focal length that each pixel alone implies."""
    _, height, width, _ = pointmap.shape
    pixels = _centred_pixels(height, width, principal_point)
    points = pointmap.flatten(1, 2)
    return (pixels * points[..., 2:3] / points[..., :2]).flatten(1).nanmedian(-1).values


def _centred_pixels(height: int, width: int, principal_point: Tensor) -> Tensor:
    """(B, H * W, 2): (x, y) of row-major pixels, from the principal point."""
    device = principal_point.device
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    pixels = torch.stack([columns, rows], -1).reshape(1, -1, 2)
    return pixels - principal_point[:, None]


def _clipped(focal: Tensor, height: int, width: int, bounds: tuple[float, float]) -> Tensor:
    reference = max(height, width) / (2 * math.tan(math.radians(30)))
    return focal.clamp(bounds[0] * reference, bounds[1] * reference)

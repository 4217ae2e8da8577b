"""Takes the confidence from points that float before surfaces which other images trust more."""

from __future__ import annotations

import torch
from torch import Tensor

from mapper.backend.pairwise.parameters import Parameters

IN_FRONT = 0.999  # of the other image's depth


@torch.no_grad()
def cleaned(parameters: Parameters, confidence: Tensor) -> Tensor:
    """Confidence (n, h, w), 0 where a point hides what another image sees with more confidence.

    Image after image, each judged by what the ones before it have left, as published.
    """
    images, height, width = confidence.shape
    points = parameters.world_points((height, width))
    depths = parameters.log_depths.exp()
    confidence = confidence.clone().flatten(1)
    for image in range(images):
        seen_by, pixel, z = _projected(points[image], parameters, (height, width))
        hides = z < IN_FRONT * depths[seen_by, pixel]
        doubted = confidence[image].expand(images, -1) < confidence[seen_by, pixel]
        own = torch.arange(images, device=points.device)[:, None] == image
        visible = (z > 0) & (pixel >= 0) & ~own
        confidence[image] *= ~(visible & hides & doubted).any(0)
    return confidence.view(images, height, width)


def _projected(
    points: Tensor, parameters: Parameters, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of world points (3, N) in every camera: the camera (n, 1), the nearest pixel (n, N), -1 where
    outside, and the depth (n, N)."""
    height, width = size
    rotations, translations = parameters.rotations, parameters.translations
    in_camera = rotations.transpose(1, 2) @ (points - translations[..., None])
    z = in_camera[:, 2]
    scaled = parameters.focals[:, None, None] * in_camera[:, :2] / z[:, None]
    # A point in the camera's plane is nowhere: outside, like all that are far off.
    scaled = scaled.nan_to_num(nan=-1e9).clamp(-1e9, 1e9)
    column = (scaled[:, 0] + width / 2).round().long()
    row = (scaled[:, 1] + height / 2).round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixel = torch.where(inside, row * width + column, -1)
    return torch.arange(len(rotations), device=points.device)[:, None], pixel, z

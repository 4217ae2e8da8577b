"""Which later frames become anchors: those that see next to nothing of the last one."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from mapper.frontends.vggt.network import VggtPrediction
from mapper.frontends.vggt.pose_encoding import extrinsics

FRAMES_BETWEEN: Final = 250
LEAST_SEEN: Final = 0.2  # of the last anchor's points, below which a frame is the next one
SAMPLES: Final = 16  # points a side of the anchor's image


class LaterAnchors:
    """Told of every frame that stays, in order; of a batch, the first sequence decides."""

    def __init__(self) -> None:
        self._last = 0
        self._points: Tensor | None = None  # (n, 3) of the last anchor, in the world

    def is_next(self, frame: int, prediction: VggtPrediction, place: int) -> bool:
        """Whether the frame, the place-th of the prediction, is an anchor; the first always was."""
        if frame == 0:
            self._take(frame, prediction, place)
            return False
        if self._points is None or frame - self._last < FRAMES_BETWEEN:
            return False
        if float(seen_share(self._points, prediction.pose_encoding[0, place])) >= LEAST_SEEN:
            return False
        self._take(frame, prediction, place)
        return True

    def _take(self, frame: int, prediction: VggtPrediction, place: int) -> None:
        self._last = frame
        self._points = world_points(prediction, place)


def world_points(prediction: VggtPrediction, place: int) -> Tensor | None:
    """(n, 3) of a frame, evenly over its image; None where no dense head ran."""
    if prediction.points is not None:
        points = prediction.points[0, place]
        return points[_rows(points)][:, _columns(points)].reshape(-1, 3)
    if prediction.depth is None:
        return None
    depth = prediction.depth[0, place]
    encoding = prediction.pose_encoding[0, place]
    depth = depth[_rows(depth)][:, _columns(depth)]
    y, x = torch.meshgrid(
        *(torch.linspace(-1, 1, side, device=depth.device) for side in depth.shape), indexing="ij"
    )
    tangents = (encoding[7:] / 2).tan()  # of half the fields of view, vertical and horizontal
    camera = torch.stack([x * tangents[1] * depth, y * tangents[0] * depth, depth], -1)
    world_to_camera = extrinsics(encoding)
    return (camera.reshape(-1, 3) - world_to_camera[:, 3]) @ world_to_camera[:, :3]


def seen_share(points: Tensor, encoding: Tensor) -> Tensor:
    """(), the share of points that lie in a camera's image, behind others or not."""
    world_to_camera = extrinsics(encoding)
    x, y, z = (points @ world_to_camera[:, :3].T + world_to_camera[:, 3]).unbind(-1)
    tangents = (encoding[7:] / 2).tan()
    inside = (z > 0) & (x.abs() <= z * tangents[1]) & (y.abs() <= z * tangents[0])
    return inside.float().mean()


def _rows(image: Tensor) -> Tensor:
    return torch.linspace(0, image.shape[0] - 1, SAMPLES, device=image.device).round().long()


def _columns(image: Tensor) -> Tensor:
    return torch.linspace(0, image.shape[1] - 1, SAMPLES, device=image.device).round().long()

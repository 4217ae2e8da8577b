"""Point tracks in a stream: the first frame's features stay, and those of a few recent frames.

The published streaming code tracks every frame against itself, so its points never move. Here the
tracker sees the first frame, where the points were given, the last few frames, and the new one. As
long as no frame has left that company, the tracks equal those of the whole sequence so far at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.vggt.tracks.tracker import Tracks

if TYPE_CHECKING:
    from mapper.frontends.vggt.aggregator import Aggregated
    from mapper.frontends.vggt.network import Vggt


class TrackMemory:
    """query_points: (B, N, 2) pixels of the first frame. window: recent frames that stay."""

    def __init__(self, query_points: Tensor, window: int) -> None:
        self._query_points = query_points
        self._first: Tensor | None = None
        self._recent: deque[Tensor] = deque(maxlen=window)

    def track(self, model: Vggt, aggregated: Aggregated) -> Tracks:
        """Where the points are in the new frames; (B, S, N, 2) of these alone."""
        features = model.track_features(aggregated)
        new = features.shape[1]
        past = [] if self._first is None else [self._first, *self._recent]
        tracks = model.track(torch.cat([*past, features], 1), self._query_points)
        self._remember(features)
        return Tracks(
            tracks.xy[:, -new:],
            tracks.visibility[:, -new:],
            tracks.confidence[:, -new:],
            [xy[:, -new:] for xy in tracks.iterations],
        )

    def _remember(self, features: Tensor) -> None:
        if self._first is None:
            self._first, features = features[:, :1].clone(), features[:, 1:]
        self._recent.extend(frame.clone() for frame in features.split(1, 1) if frame.numel())

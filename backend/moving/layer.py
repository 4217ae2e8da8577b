"""What keyframes saw of things that moved, each at its own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mapper.backend.global_map import GlobalMap, MapOf
from mapper.core.geometry import backproject, transform
from mapper.core.sim3 import rigid_part, scale_of


@dataclass(frozen=True, slots=True)
class MovingPoints:
    """Of one keyframe. points: float32 (N, 3), in the world. colors: uint8 (N, 3)."""

    frame_index: int
    timestamp: float
    points: np.ndarray
    colors: np.ndarray


def moving_points(final: GlobalMap, map_of: MapOf) -> Iterator[MovingPoints]:
    """Of each keyframe of a map, in the order of time; without points where nothing moved."""
    for keyframe in final.keyframes:
        if keyframe.id in final.left_out:
            continue
        source, S = map_of(keyframe.id), final.poses[keyframe.id]
        points, colors = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)
        if (moving := source.moving) is not None:
            depth = np.zeros(source.depth.size, np.float32)
            depth[moving.pixels] = moving.depth * np.float32(scale_of(S))
            pointmap = backproject(depth.reshape(source.depth.shape), source.intrinsics)
            seen = pointmap.reshape(-1, 3)[moving.pixels].astype(float)
            points = transform(rigid_part(S), seen).astype(np.float32)
            colors = source.image.reshape(-1, 3)[moving.pixels]
        yield MovingPoints(keyframe.frame_index, keyframe.timestamp, points, colors)

"""Depth at the points of a frame, where there is none in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.mono.depth.view import DepthMap
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT
from mapper.frontends.mono.mapping.record import Record

if TYPE_CHECKING:
    from jaxtyping import Float64

REACH: Final = 2  # pixels around a point that are taken to lie as deep as it
CONFIDENCE: Final = 0.1


def sparse_depth(local_map: LocalMap, record: Record, camera: Intrinsics) -> DepthMap:
    """A patch for each point that the frame sees."""
    ids = np.zeros(0, np.int64) if record.ids is None else record.ids
    if record.keyframe is not None:
        ids = local_map.keyframes[record.keyframe].ids
    places = local_map.points.places[ids[local_map.points.state[ids] == POINT]]
    assert record.T is not None
    return patches_of(places, record.T, camera)


def patches_of(
    places: Float64[np.ndarray, "n 3"], T: Float64[np.ndarray, "3 4"], camera: Intrinsics
) -> DepthMap:
    """A patch for each point (N, 3) that a camera sees. T: T_camera_world."""
    depth = np.zeros((camera.height, camera.width), np.float32)
    inside = places @ T[:, :3].T + T[:, 3]
    inside = inside[inside[:, 2] > 0]
    for x, y, z in inside[np.argsort(-inside[:, 2])]:  # the nearest last
        u = round(camera.fx * x / z + camera.cx)
        v = round(camera.fy * y / z + camera.cy)
        rows = slice(max(v - REACH, 0), max(v + REACH + 1, 0))
        depth[rows, max(u - REACH, 0) : max(u + REACH + 1, 0)] = z
    confidence = np.where(depth > 0, np.float32(CONFIDENCE), np.float32(0))
    return DepthMap(depth, confidence)

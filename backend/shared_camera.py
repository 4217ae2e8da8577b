"""One camera for all keyframes of which the frontend knew only that they have the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.intrinsics import Intrinsics

ALIKE: Final = 1e-4  # share of a focal length that is not worth writing a map anew


def take_newest_camera(keyframes: Sequence[Keyframe], maps: MapCache) -> None:
    """The camera as it was known in the end, in all keyframes that share it."""
    refocus(keyframes, maps, 1.0)


def refocus(keyframes: Sequence[Keyframe], maps: MapCache, factor: float) -> None:
    """That camera with focal lengths so many times as long.

    Depths stay at their pixels, in the maps and where they are stored. Keyframes that share no
    camera, or whose images have another size, stay as they are.
    """
    sharing = [keyframe for keyframe in keyframes if keyframe.shares_camera]
    if not sharing:
        return
    newest = sharing[-1].intrinsics
    camera = replace(newest, fx=factor * newest.fx, fy=factor * newest.fy)
    for keyframe in sharing:
        if _size(keyframe.intrinsics) == _size(camera):
            _take(keyframe, maps, camera)


def _take(keyframe: Keyframe, maps: MapCache, camera: Intrinsics) -> None:
    known = keyframe.intrinsics
    wider = np.array([known.fx / camera.fx, known.fy / camera.fy])
    if np.abs(wider - 1).max() < ALIKE:
        return
    keyframe.intrinsics = camera
    points = keyframe.features.points.copy()
    points[:, :2] *= wider.astype(np.float32)
    keyframe.features = replace(keyframe.features, points=points)
    seen = maps.map(keyframe.id)
    maps.replace(
        keyframe, KeyframeMap(seen.depth, seen.weight, seen.image, camera, seen.noise, seen.moving)
    )


def _size(camera: Intrinsics) -> tuple[int, int]:
    return camera.width, camera.height

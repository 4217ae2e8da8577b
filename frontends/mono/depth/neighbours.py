"""Which keyframes tell the depth of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.mapping.keyframes import MonoKeyframe
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import POINT

if TYPE_CHECKING:
    from jaxtyping import Float64

REACH: Final = 12  # keyframes before and after, in time
MIN_OVERLAP: Final = 0.5
SMALLEST, LARGEST = np.radians(1.0), np.radians(20.0)  # angles at the points
BEST: Final = np.radians(5.0)
SPREAD: Final = 0.6  # of the angle's logarithm


def points_of(local_map: LocalMap, keyframe: MonoKeyframe) -> Float64[np.ndarray, "n 3"]:
    """The points (N, 3) that it sees."""
    ids = keyframe.ids[local_map.points.state[keyframe.ids] == POINT]
    return local_map.points.places[ids]


def neighbours_of(
    local_map: LocalMap, keyframe: MonoKeyframe, in_time: list[MonoKeyframe], most: int
) -> list[MonoKeyframe]:
    """At most so many, from both sides by turns. in_time: all keyframes in the order of time."""
    points = points_of(local_map, keyframe)
    if len(points) < 10:
        return []
    here = in_time.index(keyframe)
    sides = []
    for others in (in_time[max(here - REACH, 0) : here], in_time[here + 1 : here + 1 + REACH]):
        scored = [(score(local_map, points, keyframe, other), other) for other in others]
        good = sorted((s, other.number) for s, other in scored if s > 0)
        sides.append([local_map.keyframes[number] for _, number in good])
    chosen: list[MonoKeyframe] = []
    while len(chosen) < most and any(sides):
        for side in sides:
            if side and len(chosen) < most:
                chosen.append(side.pop())
    return chosen


def score(
    local_map: LocalMap,
    points: Float64[np.ndarray, "n 3"],
    keyframe: MonoKeyframe,
    other: MonoKeyframe,
) -> float:
    """How well another keyframe tells the depth of points (N, 3); 0 = not."""
    if not local_map.keyframes.has_image(other.number):
        return 0.0
    return view_score(local_map.lens, points, keyframe.T, other.T)


def view_score(
    lens: Lens,
    points: Float64[np.ndarray, "n 3"],
    T: Float64[np.ndarray, "3 4"],
    T_other: Float64[np.ndarray, "3 4"],
) -> float:
    """How well a camera tells the depth of points (N, 3) that another sees; 0 = not.

    T, T_other: T_camera_world, of the one that sees them and of the one that tells.
    """
    inside = points @ T_other[:, :3].T + T_other[:, 3]
    front = inside[:, 2] > 1e-6
    pixels = lens.pixels(inside[:, :2] / np.where(front, inside[:, 2], 1)[:, None])
    seen = front & (pixels >= 0).all(1) & (pixels < [lens.width, lens.height]).all(1)
    overlap = float(seen.mean())
    if overlap < MIN_OVERLAP:
        return 0.0
    a, b = (_rays(pose, points[seen]) for pose in (T, T_other))
    angle = float(np.median(np.arccos(np.clip((a * b).sum(1), -1, 1))))
    if not SMALLEST <= angle <= LARGEST:
        return 0.0
    return overlap * float(np.exp(-(np.log(angle / BEST) ** 2) / (2 * SPREAD**2)))


def _rays(
    T: Float64[np.ndarray, "3 4"], points: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "n 3"]:
    """Unit vectors from a camera T_camera_world to points."""
    rays = points + T[:, :3].T @ T[:, 3]
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)

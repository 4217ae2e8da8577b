"""Lengths that someone measured, between points of a map or pixels of a keyframe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.priors import LengthPrior
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.mesh import Mesh
from mapper.core.sim3 import inverse_similarity, scale_of
from mapper.errors import ConfigError, InputError

TAPE: Final = 0.005  # share by which a tape is off
PICKED: Final = 0.01  # of the map's units: by which a point of the map is picked beside its place
PREDICTED: Final = 0.015  # share by which a keyframe's depths are off where two pixels are
AROUND: Final = 2  # pixels on each side of one, whose depth's middle counts
STEP: Final = 0.1  # share by which depths differ around a pixel at the edge of something
OFF_SURFACE: Final = 0.05  # share of a length, that a point may be from the nearest surface
LONG_ENOUGH: Final = 0.02  # units: of a shorter way between two points nothing can be told


@dataclass(frozen=True, slots=True)
class WorldLength:
    """first, second: points (3,) of the map, in its coordinates. metres: between them."""

    first: tuple[float, float, float]
    second: tuple[float, float, float]
    metres: float

    @classmethod
    def of(cls, words: Sequence[str]) -> WorldLength:
        """Of `X,Y,Z X,Y,Z METRES`. Raises ConfigError."""
        what = f"--distance {' '.join(words)}: expected X,Y,Z X,Y,Z METRES"
        first, second, (metres,) = (
            _numbers(word, count, what) for word, count in zip(words, (3, 3, 1), strict=True)
        )
        _refuse_no_length(metres, "--distance")
        return cls((*first,), (*second,), metres)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ImageLength:
    """frame: number of a keyframe's frame in the sequence. first, second: pixels (u, v) of it.
    metres: between what is seen there."""

    frame: int
    first: tuple[float, float]
    second: tuple[float, float]
    metres: float

    @classmethod
    def of(cls, words: Sequence[str]) -> ImageLength:
        """Of `FRAME U,V U,V METRES`. Raises ConfigError."""
        what = f"--image-points {' '.join(words)}: expected FRAME U,V U,V METRES"
        (frame,), first, second, (metres,) = (
            _numbers(word, count, what) for word, count in zip(words, (1, 2, 2, 1), strict=True)
        )
        if frame != int(frame):
            raise ConfigError(what)
        _refuse_no_length(metres, "--image-points")
        return cls(int(frame), (*first,), (*second,), metres)  # type: ignore[arg-type]


def _numbers(word: str, count: int, what: str) -> list[float]:
    try:
        numbers = [float(part) for part in word.split(",")]
    except ValueError:
        raise ConfigError(what) from None
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ConfigError(what)
    return numbers


def _refuse_no_length(metres: float, option: str) -> None:
    if not metres > 0:
        raise ConfigError(f"{option}: a length of {metres:g} m; it must be larger than 0")


def of_world(asked: WorldLength, saved: GlobalMap, mesh: Mesh) -> LengthPrior:
    """The length as the two keyframes know it that see its ends best.

    Raises InputError where an end is on no surface of the map.
    """
    ends = np.array([asked.first, asked.second])
    way = _long_enough(ends, "--distance")
    away, _ = cKDTree(mesh.vertices).query(ends)
    for point, distance in zip(ends, away, strict=True):
        if distance > max(OFF_SURFACE * way, 2 * PICKED):
            raise InputError(
                f"--distance: {point[0]:g},{point[1]:g},{point[2]:g} is {distance:.2g} from the "
                "nearest surface of the map; take points of mesh.ply as it is now"
            )
    i, j = (_best_view(point, saved) for point in ends)
    points = [
        (inverse_similarity(saved.poses[k]) @ np.append(point, 1))[:3]
        for k, point in zip((i, j), ends, strict=True)
    ]
    sigma = float(np.hypot(TAPE, np.sqrt(2) * PICKED / way))
    return LengthPrior(
        f"the length of {asked.metres:g} m", i, points[0], j, points[1], asked.metres, sigma
    )


def _best_view(point: np.ndarray, saved: GlobalMap) -> int:
    """The keyframe that has a point in its image and is nearest to it; else the nearest one."""
    best, least = -1, np.inf
    for keyframe in saved.keyframes:
        x, y, z = (inverse_similarity(saved.poses[keyframe.id]) @ np.append(point, 1))[:3]
        camera = keyframe.intrinsics
        u, v = (x * camera.fx / z + camera.cx, y * camera.fy / z + camera.cy) if z > 0 else (-1, -1)
        is_seen = 0 <= u <= camera.width - 1 and 0 <= v <= camera.height - 1
        away = float(np.linalg.norm([x, y, z]) * scale_of(saved.poses[keyframe.id]))
        away += 0.0 if is_seen else 1e6
        if away < least:
            best, least = keyframe.id, away
    return best


def of_image(
    asked: ImageLength, saved: GlobalMap, mesh: Mesh, map_of: Callable[[int], KeyframeMap]
) -> LengthPrior:
    """The length in the keyframe's own units. map_of: the keyframes' maps as they are fused.

    Raises InputError where the pixels show nothing, or what the rest of the map does not have.
    """
    keyframe = next((k for k in saved.keyframes if k.frame_index == asked.frame), None)
    if keyframe is None:
        raise InputError(_no_keyframe(asked.frame, saved.keyframes))
    view = map_of(keyframe.id)
    ends = np.array([_seen_at(view, pixel, asked.frame) for pixel in (asked.first, asked.second)])
    S = saved.poses[keyframe.id]
    way = _long_enough(ends * scale_of(S), "--image-points")
    away, _ = cKDTree(mesh.vertices).query(ends @ S[:3, :3].T + S[:3, 3])
    for (u, v), off, z in zip((asked.first, asked.second), away, ends[:, 2], strict=True):
        if off > max(OFF_SURFACE * z * scale_of(S), 2 * PICKED):
            raise InputError(
                f"--image-points: what pixel {u:g},{v:g} of frame {asked.frame} shows is {off:.2g} "
                "from the nearest surface of the map: other keyframes saw it elsewhere"
            )
    sigma = float(np.hypot(PREDICTED, np.sqrt(2) * PICKED / way))
    name = f"the length of {asked.metres:g} m in frame {asked.frame}"
    return LengthPrior(name, keyframe.id, ends[0], keyframe.id, ends[1], asked.metres, sigma)


def _no_keyframe(frame: int, keyframes: Sequence[Keyframe]) -> str:
    near = sorted(keyframes, key=lambda k: abs(k.frame_index - frame))[:4]
    frames = ", ".join(str(number) for number in sorted(k.frame_index for k in near))
    return f"--image-points: frame {frame} is no keyframe; keyframes near it are frames {frames}"


def _seen_at(view: KeyframeMap, pixel: tuple[float, float], frame: int) -> np.ndarray:
    """Point (3,) in the keyframe."""
    camera, (u, v) = view.intrinsics, pixel
    if not (0 <= u <= camera.width - 1 and 0 <= v <= camera.height - 1):
        raise InputError(
            f"--image-points: pixel {u:g},{v:g} is outside the keyframe's image of "
            f"{camera.width}x{camera.height}, the size that was worked on"
        )
    column, row = round(u), round(v)
    near = view.depth[
        max(row - AROUND, 0) : row + AROUND + 1, max(column - AROUND, 0) : column + AROUND + 1
    ]
    known = near[near > 0]
    if not len(known):
        raise InputError(f"--image-points: frame {frame} has no depth at pixel {u:g},{v:g}")
    z = float(np.median(known))
    if np.ptp(known) > STEP * z:
        raise InputError(
            f"--image-points: the depth at pixel {u:g},{v:g} of frame {frame} changes from "
            f"{known.min():.2f} to {known.max():.2f}: take a point on a surface, beside its edge"
        )
    return np.array([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z])


def _long_enough(ends: np.ndarray, option: str) -> float:
    way = float(np.linalg.norm(ends[0] - ends[1]))
    if way < LONG_ENOUGH:
        raise InputError(f"{option}: the two points are one: {way:.2g} units apart in the map")
    return way

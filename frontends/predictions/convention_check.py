"""Whether neighbouring frames' depths agree under the poses, and whether they would otherwise.

Points of one frame are carried into another one, where they should lie on its surface. A pose taken
for its inverse, or a camera that looks the other way, puts them elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse, transform
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.predictions.adapter import Axes, Conventions, PoseDirection

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

ANCHORS: Final = 8  # frames that are compared with one after them
GAPS: Final = (1, 2, 4, 8, 16, 32)
GRID: Final = 24  # points a side
MOVED: Final = 0.06  # of the image's width, by which points must move to tell anything
LEFT: Final = 0.5  # ... and beyond which two frames see too little of the same
OWN_PIXEL: Final = 0.03  # of the width, within which a point of the world is in its own pixel
AGREES: Final = 0.06  # share of the depth within which two readings are of one surface
CLEAR: Final = 2.0  # times as many points agree otherwise
ENOUGH: Final = 0.25  # of the points, which must agree then


@dataclass(frozen=True, slots=True)
class Stored:
    """One frame. T: as it is stored, (4, 4). depth: (h, w), 0 = none, along the camera's axis; or
    points: (h, w, 3), of the world, which must appear in their own pixels."""

    T: Float64[np.ndarray, "4 4"]
    camera: Intrinsics
    depth: Float[np.ndarray, "h w"] | None = None
    points: Float[np.ndarray, "h w 3"] | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """shares: of the points that agree, by (pose, axes). pairs: of frames that were compared."""

    shares: dict[tuple[PoseDirection, Axes], float]
    pairs: int

    def better_than(self, used: Conventions) -> Conventions | None:
        """Conventions under which the frames clearly agree where under those used they do not."""
        if not self.pairs:
            return None
        best = max(self.shares, key=lambda each: self.shares[each])
        ours, theirs = self.shares[used.pose, used.axes], self.shares[best]
        if theirs < ENOUGH or theirs < CLEAR * ours:
            return None
        return replace(used, pose=best[0], axes=best[1])


def check(
    read: Callable[[int], Stored | None],
    indices: Sequence[int],
    camera_to_world: Callable[[np.ndarray, Conventions], np.ndarray],
    used: Conventions,
) -> Agreement:
    """Compares some frames with others near by. read: None for a frame without depth or pose."""
    options: list[tuple[PoseDirection, Axes]] = [
        (pose, axes) for pose in ("c2w", "w2c") for axes in ("opencv", "opengl")
    ]
    sums, pairs = dict.fromkeys(options, 0.0), 0
    for anchor in sorted({int(k) for k in np.linspace(0, len(indices) - 1, ANCHORS + 1)})[:-1]:
        found = _compared(read, indices, anchor, camera_to_world, used, options)
        if found is not None:
            pairs += 1
            for option in options:
                sums[option] += found[option]
    return Agreement({option: sums[option] / max(pairs, 1) for option in options}, pairs)


def _compared(
    read: Callable[[int], Stored | None],
    indices: Sequence[int],
    anchor: int,
    camera_to_world: Callable[[np.ndarray, Conventions], np.ndarray],
    used: Conventions,
    options: list[tuple[PoseDirection, Axes]],
) -> dict[tuple[PoseDirection, Axes], float] | None:
    """Agreement of a frame with the first one after it to which the camera has moved enough,
    whatever the poses mean; None where it has not, or sees nothing of the same."""
    a = read(indices[anchor])
    if a is None:
        return None
    if a.depth is None:
        T_world_a = {o: camera_to_world(a.T, replace(used, pose=o[0], axes=o[1])) for o in options}
        return {option: _in_own_pixels(a, T) for option, T in T_world_a.items()}
    points = _points(a.depth, a.camera)
    if len(points) < GRID:
        return None
    told = None
    for gap in GAPS:
        if anchor + gap >= len(indices):
            break
        b = read(indices[anchor + gap])
        if b is None or b.depth is None:
            continue
        relative = {
            (pose, axes): _relative(a, b, camera_to_world, replace(used, pose=pose, axes=axes))
            for pose, axes in options
        }
        moved = [_moved(T, points, a.camera, b.camera) for T in relative.values()]
        if min(moved) > LEFT:
            break
        if max(moved) >= MOVED:
            told = {each: _agreeing(T, points, b.depth, b.camera) for each, T in relative.items()}
        if min(moved) >= MOVED:
            break
    return told


def _relative(
    a: Stored, b: Stored, to_world: Callable[[np.ndarray, Conventions], np.ndarray], c: Conventions
) -> np.ndarray:
    """T_b_a."""
    return inverse(to_world(b.T, c)) @ to_world(a.T, c)


def _grid(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of some pixels."""
    rows, columns = (np.linspace(0, side - 1, GRID).astype(int) for side in shape[:2])
    v, u = np.meshgrid(rows, columns, indexing="ij")
    return v.ravel(), u.ravel()


def _points(depth: np.ndarray, c: Intrinsics) -> np.ndarray:
    """Some of a view's points (N, 3), in its camera."""
    v, u = _grid(depth.shape)
    z = depth[v, u].astype(np.float64)
    points = np.stack([(u - c.cx) / c.fx * z, (v - c.cy) / c.fy * z, z], -1)
    return points[points[:, 2] > 0]


def _in_own_pixels(view: Stored, T_world_camera: np.ndarray) -> float:
    """Share of a view's points of the world that the camera sees in the pixels they belong to."""
    assert view.points is not None
    v, u = _grid(view.points.shape)
    points = transform(inverse(T_world_camera), view.points[v, u].astype(np.float64))
    known = np.isfinite(points).all(1)
    points = np.where(known[:, None], points, 0.0)
    column, row = _landing(points, view.camera)
    near = np.hypot(column - u, row - v) < OWN_PIXEL * view.camera.width
    return float((known & near & (points[:, 2] > 0)).mean())


def _landing(points: np.ndarray, camera: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
    z = np.maximum(points[:, 2], 1e-9)
    return camera.fx * points[:, 0] / z + camera.cx, camera.fy * points[:, 1] / z + camera.cy


def _moved(T_b_a: np.ndarray, points: np.ndarray, a: Intrinsics, b: Intrinsics) -> float:
    """By how much of the width points move in the image, the median; large for those behind."""
    there = transform(T_b_a, points)
    u, v = _landing(there, b)
    u0, v0 = _landing(points, a)
    off = np.hypot(u - u0, v - v0) / b.width
    return float(np.median(np.where(there[:, 2] > 0, off, 1e9)))


def _agreeing(
    T_b_a: np.ndarray, points: np.ndarray, depth: np.ndarray, camera: Intrinsics
) -> float:
    """Share of the points that lie on the surface that the other view saw."""
    there = transform(T_b_a, points)
    u, v = _landing(there, camera)
    inside = (there[:, 2] > 0) & (u > -0.5) & (v > -0.5)
    inside &= (u < camera.width - 0.5) & (v < camera.height - 0.5)
    there = there[inside]
    z = depth[np.rint(v[inside]).astype(int), np.rint(u[inside]).astype(int)]
    agree = (z > 0) & (np.abs(there[:, 2] - z) < AGREES * z)
    return float(agree.sum()) / len(points)

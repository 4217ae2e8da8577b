"""Do the surfaces that two keyframes saw lie on each other where the map has put them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.graph.pose_table import PoseTable
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import in_reach, reach_of
from mapper.core.sim3 import inverse_similarity
from mapper.runtime.kernels import kernel
from mapper.vision.depth_pyramid import Level
from mapper.vision.reprojection import (
    AGREEING,
    DOUBLED,
    NEAREST,
    camera_of,
    carried,
    f32,
    is_inside,
    motion_of,
    nearest_pixel,
    within,
)

POINTS: Final = 4800  # of a view that are compared, about: all of the coarsest level at 640x480
MIN_SHARED: Final = 0.2  # of both views' points that the other one must have had in sight
MIN_JUDGED: Final = 0.1  # of them that must lie on, before or just behind the other's surfaces
# Share of points in sight that do not lie on the other's surfaces, both ways, from which on what is
# far behind them counts against the pair too: what moves hides less of a view.
NOTHING_FITS: Final = 0.6
MAX_PAIRS: Final = 30  # for each keyframe, so that the whole grows no faster than the map


@dataclass(frozen=True, slots=True)
class SurfaceConflict:
    """Of keyframes i < j. conflict: share of one view's points, among those that lie on the other's
    surfaces or contradict them, that contradict; of the two ways the lower one. free_space: share
    of those that hang where the other view looked through; the higher one. distance: units, median
    by which they contradict.

    Both ways, because what moved (a person, a door) is before the surfaces of one view and hides
    those of the other: that contradicts one way alone. So does a wall that was put far before
    another, but then next to nothing fits: see NOTHING_FITS.
    """

    i: int
    j: int
    conflict: float
    free_space: float
    distance: float

    @property
    def score(self) -> float:
        """Both must speak against a pair: doubled surfaces alone are also what thin objects before
        a wall look like from the side, and free space alone is what moved."""
        return min(self.conflict, self.free_space)


def surface_conflicts(poses: Mapping[int, np.ndarray], maps: MapCache) -> list[SurfaceConflict]:
    """Of all pairs of keyframes that share enough of a view to be judged, whatever they say.

    poses: S_world_keyframe. Whether views share something is asked of where their points fall, not
    of where they agree: a wrong map agrees little.
    """
    found = (compare_surfaces(i, j, poses, maps) for i, j in pairs_in_reach(poses, maps))
    return [conflict for conflict in found if conflict is not None]


def pairs_in_reach(poses: Mapping[int, np.ndarray], maps: MapCache) -> Iterator[tuple[int, int]]:
    """(i, j), i < j: each keyframe with the one before it and at most MAX_PAIRS earlier ones that
    may see the same, spread over all of the time before."""
    ids, poses = sorted(poses), PoseTable.of(poses)
    for before, j in zip([None, *ids], ids, strict=False):
        near = in_reach(j, poses, reach_of(j, poses, maps))
        every = -(-len(near) // MAX_PAIRS) or 1
        yield from ((i, j) for i in near[::every] if i != before)
        if before is not None:
            yield before, j


def compare_surfaces(
    i: int, j: int, poses: Mapping[int, np.ndarray], maps: MapCache
) -> SurfaceConflict | None:
    """None where the two share too little of a view."""
    S_j_i = inverse_similarity(poses[j]) @ poses[i]
    return conflict_of(i, j, S_j_i, maps)


def conflict_of(i: int, j: int, S_j_i: np.ndarray, maps: MapCache) -> SurfaceConflict | None:
    """As compare_surfaces, with the one keyframe placed in the other by S_j_i (4, 4)."""
    a, b = maps.coarse(i), maps.coarse(j)
    ways = (_Counts.of(a, b, S_j_i), _Counts.of(b, a, inverse_similarity(S_j_i)))
    if min(way.shared for way in ways) < MIN_SHARED:
        return None
    conflict = unfit = min(way.unfit for way in ways)
    if unfit < NOTHING_FITS:
        if min(way.judged for way in ways) < MIN_JUDGED:
            return None
        conflict = min(way.conflict for way in ways)
    return SurfaceConflict(
        i,
        j,
        conflict,
        max(way.free_space for way in ways),
        max(way.distance for way in ways),
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of one view's points in another. shared, judged: shares of all of them. unfit: of the shared
    ones, those that lie on no surface. The others as of a SurfaceConflict."""

    shared: float
    judged: float
    unfit: float
    conflict: float
    free_space: float
    distance: float

    @classmethod
    def of(cls, a: Level, b: Level, S_b_a: np.ndarray) -> _Counts:
        step = max(1, round(float(np.sqrt(a.depth.size / POINTS))))
        apart = np.empty(a.depth.size, np.float32)
        views = a.depth, camera_of(a.camera), b.depth, camera_of(b.camera)
        points, shared, agree, before, behind = _compare(
            *views, motion_of(S_b_a), b.noise.coefficients, step, apart
        )
        judged = agree + before + behind
        return cls(
            shared / max(points, 1),
            judged / max(points, 1),
            1 - agree / max(shared, 1),
            (before + behind) / max(judged, 1),
            before / max(judged, 1),
            float(np.median(apart[: before + behind])) if before + behind else 0.0,
        )


@kernel(fastmath=True)
def _compare(depth_a, camera_a, depth_b, camera_b, motion, noise, step, apart):
    """(points of a, in b's sight, on b's surfaces, before them, just behind them).

    apart: gets by how much those before and behind miss them. A point is compared with the span of
    depths around its pixel: at the rim of an object both depths are right, and a pose that is off
    by a pixel is no contradiction.
    """
    points = shared = agree = before = behind = 0
    for row in range(0, depth_a.shape[0], step):
        for column in range(0, depth_a.shape[1], step):
            z_a = depth_a[row, column]
            if z_a <= 0:
                continue
            points += 1
            X = carried(camera_a, motion, f32(column), f32(row), z_a)
            z = X[2]
            if z <= NEAREST:
                continue
            u, v = nearest_pixel(camera_b, X)
            if not is_inside(depth_b, u, v) or depth_b[v, u] <= 0:
                continue
            shared += 1
            nearest = furthest = depth_b[v, u]
            for y in range(max(v - 1, 0), min(v + 2, depth_b.shape[0])):
                for x in range(max(u - 1, 0), min(u + 2, depth_b.shape[1])):
                    if depth_b[y, x] > 0:
                        nearest = min(nearest, depth_b[y, x])
                        furthest = max(furthest, depth_b[y, x])
            tolerance = within(AGREEING, z, noise)
            if z < nearest - tolerance:
                apart[before + behind] = nearest - z
                before += 1
            elif z <= furthest + tolerance:
                agree += 1
            elif z < furthest + DOUBLED:
                apart[before + behind] = z - furthest
                behind += 1
    return points, shared, agree, before, behind

"""Points and keyframes together: which points a view may show, new points, adjustment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.bundle import (
    FocalPrior,
    Observations,
    Scene,
    adjust,
)
from mapper.frontends.mono.geometry.firmness import disagreement, place_uncertainty
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.rolling import drifts
from mapper.frontends.mono.geometry.triangulation import triangulate
from mapper.frontends.mono.mapping.keyframes import (
    RECENT,
    SHARED,
    SLOTS,
    KeyframeStore,
    MonoKeyframe,
)
from mapper.frontends.mono.mapping.points import POINT, SEED, Points
from mapper.frontends.mono.tracking.patches import FULL, Hosts, align_patches

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

SEED_VIEWS: Final = 3  # with two anything passes, and what moves becomes a point
SEED_ANGLE: Final = float(np.radians(1.0))
SEED_PIXELS: Final = 2.0
SEED_REACH: Final = 30  # keyframes back in which a seed's views are looked for
NEWEST, FREE, FIXED = 6, 12, 6  # keyframes in a local adjustment
LOCAL_ITERATIONS: Final = 6
MIN_JUDGED: Final = 30
MOST_ADJUSTED: Final = 600  # keyframes: 3600 unknowns are 100 MB
OUTLIER: Final = 2.5  # sigmas


class LocalMap:
    """One segment's map, up to scale, its world the first camera of its start.

    active: bool by keyframe, whose points are candidates; replaced, never changed.
    """

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self.points = Points()
        self.keyframes = KeyframeStore(lens.width, lens.height)
        self.active = np.zeros(0, bool)
        self.rms = 0.0  # pixels, of the last adjustment
        self._agreed = self._contradicted = 0

    @property
    def contradiction(self) -> float:
        """Share of the seeds that fit no place, of those whose views are wide enough apart.

        Where the map is of something that moves, the rest of the world does not fit its motion.
        """
        judged = self._agreed + self._contradicted
        return self._contradicted / judged if judged >= MIN_JUDGED else 0.0

    def hosts(self, ids: Int64[np.ndarray, " n"]) -> Hosts:
        """Where points were first seen."""
        numbers = self.points.hosts[ids]
        store = self.keyframes
        return Hosts(
            store.images,
            store.halves,
            numbers % SLOTS,
            store.poses[numbers],
            self.points.pixels[ids],
        )

    def candidates(self) -> Int64[np.ndarray, " n"]:
        """Points that a view here may show."""
        if not len(self.active):
            return np.zeros(0, np.int64)
        points = self.points
        return np.flatnonzero((points.state == POINT) & self.active[points.hosts])

    def look_around(self, ids: Int64[np.ndarray, " n"], recent: bool = True) -> None:
        """Choose whose points are candidates: the newest keyframes', and of those that share some
        of the points (N,) in view. recent: False where the newest are of another place."""
        store = self.keyframes
        count, first = len(store), max(len(store) - SLOTS, 0)
        marked = np.zeros(len(self.points), bool)
        marked[ids] = True
        active = np.zeros(count, bool)
        active[first:] = store.shared(marked, first) >= SHARED
        if recent:
            active[max(count - RECENT, first) :] = True
        self.active = active

    def observe(
        self,
        keyframe: MonoKeyframe,
        ids: Int64[np.ndarray, " n"],
        pixels: Float64[np.ndarray, "n 2"],
        weights: Float64[np.ndarray, " n"],
    ) -> None:
        """A keyframe sees points and seeds."""
        keyframe.add(ids, np.asarray(pixels, float), weights)
        self.points.seen_by_keyframe(ids)

    def ripen(self, ids: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
        """Make points of those seeds (N,) whose views by now agree on a place; returns them."""
        ids = ids[(self.points.state[ids] == SEED) & (self.points.views[ids] >= SEED_VIEWS)]
        if not len(ids):
            return ids
        first = max(len(self.keyframes) - SEED_REACH, 0)
        numbers = np.arange(first, len(self.keyframes))
        seen, ids = self._observations(ids, numbers, SEED_VIEWS)
        if not len(ids):
            return ids
        found = triangulate(self.lens, self.keyframes.poses[numbers], seen)
        good = (found.angles > SEED_ANGLE) & (found.worst < SEED_PIXELS)
        self.points.place(ids[good], found.points[good])
        # Wide apart, and they do not meet: it moves, or was followed to elsewhere.
        self.points.drop(ids[(found.angles > 3 * SEED_ANGLE) & ~good])
        wrong = (found.angles > 2 * SEED_ANGLE) & (found.worst > 2 * SEED_PIXELS)
        self._agreed += int(good.sum())
        self._contradicted += int(wrong.sum())
        return ids[good]

    def sharpen(self, ids: Int64[np.ndarray, " n"]) -> None:
        """Look for new points again in the keyframes that they were followed through, by the
        patch of their host: following adds up small errors."""
        store = self.keyframes
        for number in range(max(len(store) - SEED_REACH, 0), len(store)):
            keyframe = store[number]
            rows = np.flatnonzero(
                np.isin(keyframe.ids, ids) & (self.points.hosts[keyframe.ids] != number)
            )
            if not len(rows):
                continue
            these = keyframe.ids[rows]
            found = align_patches(
                self.lens, store.levels(number), keyframe.T, self.points.places[these],
                self.hosts(these), keyframe.velocity,
            )  # fmt: skip
            full = found.found == FULL
            keyframe.pixels[rows[full]] = found.pixels[full]
            keyframe.weights[rows[full]] = 1.0

    def adjust_locally(self) -> None:
        """The newest keyframes, those that see most of the same, and their points."""
        count = len(self.keyframes)
        marked = np.zeros(len(self.points), bool)
        for number in range(max(count - NEWEST, 0), count):
            marked[self.keyframes[number].ids] = True
        marked &= self.points.state == POINT
        shared = self.keyframes.shared(marked)
        shared[max(count - NEWEST, 0) :] += len(self.points)  # first of all
        order = np.argsort(-shared, kind="stable")
        order = order[shared[order] > 0][: FREE + FIXED]
        free = order[: min(FREE, max(len(order) - 2, 1))]
        self._adjust(np.sort(order), np.isin(np.sort(order), free), LOCAL_ITERATIONS, None, marked)

    def adjust_all(self, iterations: int, refine: FocalPrior | None) -> None:
        """All keyframes, or the newest of very many, and all points; refine: the lens too."""
        numbers = np.arange(len(self.keyframes))
        marked = self.points.state == POINT
        free = numbers > max(len(numbers) - 1 - MOST_ADJUSTED, 0)
        self._adjust(numbers, free, iterations, refine, marked)

    def uncertainty(self, refine: FocalPrior | None) -> float:
        """How far the keyframes may be from where they are, see place_uncertainty.

        refine: the lens is unknown too.
        """
        scene, seen, _ = self.everything()
        return place_uncertainty(scene, seen, self.rms, refine)

    def disagreement(self, refine: FocalPrior | None) -> float:
        """The same by what parts of the points say, see there."""
        scene, seen, _ = self.everything()
        return disagreement(scene, seen, refine)

    def everything(self) -> tuple[Scene, Observations, Int64[np.ndarray, " p"]]:
        """All keyframes and points, the first keyframe held, and the points' ids."""
        numbers = np.arange(len(self.keyframes))
        seen, ids = self._observations(np.flatnonzero(self.points.state == POINT), numbers, 2)
        places = self.points.places[ids].copy()
        return Scene(self.lens, self.keyframes.poses, places, numbers > 0), seen, ids

    def _adjust(
        self,
        numbers: Int64[np.ndarray, " k"],
        free: np.ndarray,
        iterations: int,
        refine: FocalPrior | None,
        marked: np.ndarray,
    ) -> None:
        seen, ids = self._observations(np.flatnonzero(marked), numbers, 2)
        if len(ids) < 10:
            return
        poses = self.keyframes.poses[numbers]
        scene = Scene(self.lens, poses, self.points.places[ids].copy(), free)
        scene = adjust(scene, seen, iterations, refine)
        assert scene.errors is not None
        self.lens = scene.lens
        for number, T in zip(numbers, scene.poses, strict=True):
            self.keyframes[number].T = T
        self.points.place(ids, scene.points)
        good = scene.errors < OUTLIER
        fine = scene.errors[good] / seen.weights[good]
        self.rms = float(np.sqrt(np.mean(fine**2) / 2)) if len(fine) else 0.0
        self._forget(numbers, ids, seen, good)

    def _forget(
        self,
        numbers: Int64[np.ndarray, " k"],
        ids: Int64[np.ndarray, " p"],
        seen: Observations,
        good: np.ndarray,
    ) -> None:
        """Observations that do not fit go, and points that are left with less than two."""
        bad = np.flatnonzero(~good)
        if not len(bad):
            return
        of = ids[np.searchsorted(seen.starts, bad, side="right") - 1]
        for place in np.unique(seen.views[bad]):
            gone = of[seen.views[bad] == place]
            keyframe = self.keyframes[numbers[place]]
            keyframe.keep(~np.isin(keyframe.ids, gone))
            self.points.seen_by_keyframe(gone, -1)
        self.points.drop(of[self.points.views[of] < 2])

    def _observations(
        self, ids: Int64[np.ndarray, " p"], numbers: Int64[np.ndarray, " k"], least: int
    ) -> tuple[Observations, Int64[np.ndarray, " q"]]:
        """What some keyframes saw of some points, and which points at least so many saw."""
        row = np.full(len(self.points), -1)
        row[ids] = np.arange(len(ids))
        chosen = [self.keyframes[number] for number in numbers]
        rows = np.concatenate([row[k.ids] for k in chosen])
        views = np.repeat(np.arange(len(chosen)), [len(k.ids) for k in chosen])
        enough = np.bincount(rows[rows >= 0], minlength=len(ids)) >= least
        kept = (rows >= 0) & enough[rows]
        place = np.cumsum(enough) - 1
        seen, _ = Observations.sorted_by(
            place[rows[kept]],
            int(enough.sum()),
            views[kept],
            np.concatenate([k.pixels for k in chosen])[kept],
            np.concatenate([k.weights for k in chosen])[kept],
        )
        return self.with_drifts(seen, ids[enough], numbers), ids[enough]

    def with_drifts(
        self,
        seen: Observations,
        ids: Int64[np.ndarray, " q"],
        numbers: Int64[np.ndarray, " k"],
    ) -> Observations:
        """What keyframes saw of points, and how those moved meanwhile, where that is known."""
        velocities = self.keyframes.velocities[numbers]
        if not velocities.any():
            return seen
        of = np.repeat(ids, np.diff(seen.starts))
        found = drifts(
            self.lens, self.keyframes.poses[numbers], velocities, seen.views,
            self.points.places[of], self.points.state[of] == POINT, seen.pixels,
        )  # fmt: skip
        return replace(seen, drifts=found)

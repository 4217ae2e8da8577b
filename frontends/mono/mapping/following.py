"""One image placed in a map by what the image before it showed, and by the map's patches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.pose_from_points import place_camera, search_camera
from mapper.frontends.mono.geometry.rolling import STANDING, straightened, velocity
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.points import GONE, POINT
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels
from mapper.frontends.mono.tracking.patches import FULL, HALF, HIDDEN, MISSED, align_patches

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

ENOUGH_FOUND: Final = 80  # points whose patches were found
FLOW_HUBER: Final = 2.0  # pixels
FLOW_GOOD: Final = 3.0  # pixels
FLOW_SHARE: Final = 0.6  # of the tracks; with fewer good ones the pose is looked for from nowhere
HUBER: Final = 1.0  # sigmas
INLIER: Final = 2.5  # sigmas
MIN_INLIERS: Final = 20
# Of the points that should show, whose patches fit the pose: with fewer it is another place, which
# a few points fit by chance.
MIN_SHARE: Final = 0.3
SIGMA_WEIGHTS: Final = {"full": 1.0, "half": 0.5, "flow": 0.2}  # 1/px
YOUNG_VIEWS: Final = 4  # keyframes; a point that fewer see may yet turn out to move
YOUNG: Final = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Where the newest image is and what it shows. T: T_camera_world (3, 4). ids: points and seeds
    (N,), at pixels (N, 2). time: seconds."""

    levels: Levels
    T: Float64[np.ndarray, "3 4"]
    ids: Int64[np.ndarray, " n"]
    pixels: Float64[np.ndarray, "n 2"]
    time: float


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An image placed. T: T_camera_world (3, 4). ids, pixels, weights: inliers, (N,).

    track: to follow from here. visible: points that it should have shown. followed: share of the
    tracks that were followed. rms: pixels. velocity: (6,), see rolling.py.
    """

    T: Float64[np.ndarray, "3 4"]
    ids: Int64[np.ndarray, " n"]
    pixels: Float64[np.ndarray, "n 2"]
    weights: Float64[np.ndarray, " n"]
    track: Track
    visible: int
    followed: float
    rms: float
    velocity: Float64[np.ndarray, " 6"]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why an image has no place, in words with numbers."""

    reason: str


class Follower:
    """Places images one after the other. most: points that are looked for in each."""

    def __init__(self, flow: FlowTracker, most: int) -> None:
        self._flow = flow
        self._most = most

    def follow(
        self, local_map: LocalMap, track: Track, levels: Levels, time: float
    ) -> Placed | Unplaced:
        """The image after (or before) that of the track. time: seconds, of the image."""
        alive = local_map.points.state[track.ids] != GONE
        ids, start = track.ids[alive], track.pixels[alive]
        followed = self._flow.follow(track.levels, levels, start.astype(np.float32))
        ids, pixels = ids[followed.found], followed.pixels[followed.found].astype(float)
        share = float(followed.found.mean()) if len(alive) else 0.0
        is_point = local_map.points.state[ids] == POINT
        T = _by_flow(local_map, track.T, ids[is_point], pixels[is_point])
        if T is None:
            return Unplaced(f"{int(is_point.sum())} points could be followed, {share:.0%} of all")
        moving = velocity(track.T, T, time - track.time)
        placed = self.place(local_map, levels, T, ids, pixels, time, moving)
        if isinstance(placed, Unplaced):
            return placed
        moving = velocity(track.T, placed.T, time - track.time)
        return replace(placed, followed=share, velocity=moving)

    def place(
        self,
        local_map: LocalMap,
        levels: Levels,
        T: Float64[np.ndarray, "3 4"],
        ids: Int64[np.ndarray, " n"],
        pixels: Float64[np.ndarray, "n 2"],
        time: float,
        moving: Float64[np.ndarray, " 6"] = STANDING,
    ) -> Placed | Unplaced:
        """An image near T by the map's patches and by what was followed: ids at pixels.

        time: seconds. moving: its velocity, see rolling.py.
        """
        points = local_map.points
        is_point = points.state[ids] == POINT
        seeds, seed_pixels = ids[~is_point], pixels[~is_point]
        wanted = self._wanted(local_map, ids[is_point])
        found = align_patches(
            local_map.lens, levels, T, points.places[wanted], local_map.hosts(wanted), moving
        )
        seen = found.found >= HALF
        # What was followed to where its patch is not is trusted only where there is little else.
        least = MISSED if seen.sum() >= ENOUGH_FOUND else HALF
        by_flow = ~np.isin(ids, wanted[found.found >= least]) & is_point
        full = found.found[seen] == FULL
        all_ids = np.concatenate([wanted[seen], ids[by_flow]])
        all_pixels = np.concatenate([found.pixels[seen], pixels[by_flow]])
        weights = np.concatenate(
            [
                np.where(full, SIGMA_WEIGHTS["full"], SIGMA_WEIGHTS["half"]),
                np.full(int(by_flow.sum()), SIGMA_WEIGHTS["flow"]),
            ]
        )
        trust = np.where(points.views[all_ids] < YOUNG_VIEWS, YOUNG, 1.0)
        straight = straightened(local_map.lens, T, moving, points.places[all_ids], all_pixels)
        placed = place_camera(
            local_map.lens, T, points.places[all_ids], straight, weights * trust, HUBER
        )
        errors = placed.errors / trust
        good = errors < INLIER
        due = wanted[found.found != HIDDEN]
        found_well = int(good[: int(seen.sum())].sum())
        if good.sum() < MIN_INLIERS or found_well < MIN_SHARE * len(due):
            return Unplaced(f"{int(good.sum())} of {len(due)} points fit one place")
        points.judge(due, all_ids[good])
        rms = float(np.sqrt(np.mean((errors[good] / weights[good]) ** 2) / 2))
        track = Track(
            levels,
            placed.T,
            np.concatenate([all_ids[good], seeds]),
            np.concatenate([all_pixels[good], seed_pixels]),
            time,
        )
        return Placed(
            placed.T, all_ids[good], all_pixels[good], weights[good], track, len(due), 1.0, rms,
            moving,
        )  # fmt: skip

    def _wanted(self, local_map: LocalMap, followed: Int64[np.ndarray, " n"]) -> np.ndarray:
        """Points to look for: those that were followed, then the newest of the candidates."""
        candidates = local_map.candidates()
        others = candidates[~np.isin(candidates, followed)]
        return np.concatenate([followed, others[::-1]])[: self._most]


def _by_flow(
    local_map: LocalMap,
    T: Float64[np.ndarray, "3 4"],
    ids: Int64[np.ndarray, " n"],
    pixels: Float64[np.ndarray, "n 2"],
) -> Float64[np.ndarray, "3 4"] | None:
    """Where the followed points put the camera; None where they are too few."""
    if len(ids) < MIN_INLIERS // 2:
        return None
    lens, places, weights = local_map.lens, local_map.points.places[ids], np.ones(len(ids))
    placed = place_camera(lens, T, places, pixels, weights, FLOW_HUBER)
    if (placed.errors < FLOW_GOOD).mean() >= FLOW_SHARE:
        return placed.T
    searched = search_camera(lens, places, pixels)
    if searched is None:
        return placed.T
    again = place_camera(lens, searched, places, pixels, weights, FLOW_HUBER)
    better = (again.errors < FLOW_GOOD).sum() > (placed.errors < FLOW_GOOD).sum()
    return again.T if better else placed.T

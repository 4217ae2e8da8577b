"""A stretch of images in one map: tracked forth from its start and back to its first image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.pose_from_points import ITERATIONS, place_camera
from mapper.frontends.mono.geometry.rolling import straightened, velocity
from mapper.frontends.mono.mapping.following import (
    HUBER,
    MIN_INLIERS,
    SIGMA_WEIGHTS,
    Follower,
    Placed,
    Track,
    Unplaced,
)
from mapper.frontends.mono.mapping.keyframe_features import KeyframeFeatures
from mapper.frontends.mono.mapping.keyframes import MonoKeyframe
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.loop_closing import close_loops
from mapper.frontends.mono.mapping.loops import find_loops, observe_loops
from mapper.frontends.mono.mapping.points import POINT, SEED
from mapper.frontends.mono.mapping.record import Record
from mapper.frontends.mono.mapping.relocaliser import Relocaliser
from mapper.frontends.mono.tracking.corners import new_corners
from mapper.frontends.mono.tracking.starting import Begun

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

MIN_APART: Final = 3  # frames between keyframes
MOST_APART: Final = 20
MOVED: Final = 22.0  # pixels, of an image 640 wide, in the median of the shared points
STILL: Final = 3.0  # ... and what is no motion
LEFT: Final = 0.7  # of the last keyframe's points
FEW_LEFT: Final = 0.45  # a keyframe now, blurred or not, or the map is out of view
WELL: Final = 0.5  # of the points that should show, and of what showed before
WIDTH: Final = 640
MOST_SEEDS: Final = 400
START_ITERATIONS: Final = 10


class Segment:
    """Frames in one map.

    records: of all its frames by now, in the order of time. newest: what the last one looked like.
    """

    def __init__(
        self, lens: Lens, follower: Follower, begun: Begun, records: Sequence[Record]
    ) -> None:
        """records: of the frames that were offered to the starter, and maybe some before them."""
        self.map = LocalMap(lens)
        self.records = list(records)
        self._follower = follower
        self.newest: Placed | None = None
        self._inliers: list[int] = []
        self._last: MonoKeyframe  # the newest in time
        self._begin(begun)

    @property
    def lens(self) -> Lens:
        """As known by now."""
        return self.map.lens

    def track(self, record: Record, relocaliser: Relocaliser | None = None) -> Unplaced | None:
        """Place the next frame; None where that went well.

        relocaliser: looks for it in all of the map, where it is not next to the one before.
        """
        placed = self._follower.follow(self.map, self._track, record.levels, record.timestamp)
        if isinstance(placed, Unplaced) and relocaliser is not None:
            placed = relocaliser.locate(self.map, record.levels, record.timestamp) or placed
        return self.take(record, placed)

    def take(self, record: Record, placed: Placed | Unplaced) -> Unplaced | None:
        """A frame, placed or not, is the newest."""
        self.records.append(record)
        if isinstance(placed, Unplaced):
            return placed  # its image may begin another segment
        for earlier in reversed(self.records):
            if earlier.grey is None:
                break
            earlier.grey = None
        self.newest = placed
        self._track = self._taken(record, placed, self._last)
        if record.keyframe is not None:
            self._last = self.map.keyframes[record.keyframe]
        return None

    def adjust_all(self, iterations: int, refine: FocalPrior | None) -> None:
        """All keyframes together; refine: with the lens. What is tracked next follows."""
        self._look_how_it_moved()
        self.map.adjust_all(iterations, refine)
        self._track = replace(self._track, T=self._last.T)

    def close_loops(
        self, features: KeyframeFeatures, iterations: int, refine: FocalPrior | None
    ) -> int:
        """Adjust all with what is seen of places of another time, where that explains the images
        better; how many such views there are. features: of the map's keyframes."""
        loops = close_loops(self.map, find_loops(self.map, features), refine)
        if loops:
            observe_loops(self.map, loops)
            self.adjust_all(iterations, refine)
        return len(loops)

    def _look_how_it_moved(self) -> None:
        """The velocity of each frame, by the one before and the one after it."""
        placed = [record for record in self.records if record.T is not None]
        for before, record, after in zip(placed, placed[1:], placed[2:], strict=False):
            assert before.T is not None and after.T is not None
            found = velocity(before.T, after.T, after.timestamp - before.timestamp)
            if found.any():
                record.velocity = found
            if record.keyframe is not None:
                self.map.keyframes[record.keyframe].velocity = record.velocity

    def place_again(self, records: Sequence[Record]) -> None:
        """Frames by the points that they saw, as these and the lens are known now."""
        for record in records:
            if record.T is None or record.ids is None:
                continue
            is_keyframe = record.keyframe is not None
            if record.keyframe is not None:
                record.T = self.map.keyframes[record.keyframe].T
            self._place_again(record, 0 if is_keyframe else ITERATIONS)

    def note_depths(self, record: Record) -> None:
        """Of the points that the frame sees, as it is answered."""
        if record.ids is not None and record.T is not None:
            ids = record.ids[self.map.points.state[record.ids] == POINT]
            record.answered = ids, self._depths(record.T, ids)

    def rescaled(self, record: Record) -> float:
        """By how much what the frame sees is deeper now than when it was answered."""
        if record.answered is None or record.T is None:
            return 1.0
        ids, depths = record.answered
        alive = (self.map.points.state[ids] == POINT) & (depths > 0)
        now = self._depths(record.T, ids)
        good = alive & (now > 0)
        return float(np.median(now[good] / depths[good])) if good.sum() >= MIN_INLIERS else 1.0

    def _depths(
        self, T: Float64[np.ndarray, "3 4"], ids: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        return self.map.points.places[ids] @ T[2, :3] + T[2, 3]

    def _place_again(self, record: Record, iterations: int) -> None:
        assert record.ids is not None and record.pixels is not None
        assert record.weights is not None and record.T is not None
        points = self.map.points
        alive = points.state[record.ids] == POINT
        if alive.sum() < MIN_INLIERS:  # the others turned out to be wrong, and with them its place
            record.T = None
            return
        places, pixels = points.places[record.ids[alive]], record.pixels[alive]
        straight = straightened(self.lens, record.T, record.velocity, places, pixels)
        placed = place_camera(
            self.lens, record.T, places, straight, record.weights[alive], HUBER, iterations
        )
        record.T, record.information = placed.T, placed.information

    def _begin(self, begun: Begun) -> None:
        """The map of the start; then the frames between its views, and those before it."""
        points, start = self.map.points, begun.start
        ids = points.add(0, begun.pixels[0])
        points.place(ids, start.points)
        exact, weights = np.ones(len(ids)), np.full(len(ids), SIGMA_WEIGHTS["flow"])
        for view, place in enumerate(begun.frames):
            record = self.records[place]
            keyframe = self.map.keyframes.add(record.index, start.poses[view], record.levels)
            record.keyframe, record.T = keyframe.number, keyframe.T
            record.velocity = keyframe.velocity = np.concatenate([begun.spins[view], np.zeros(3)])
            record.ids, record.pixels, record.weights = ids, begun.pixels[view], weights
            self.map.observe(keyframe, ids, begun.pixels[view], weights if view else exact)
        self.map.sharpen(ids)
        self.map.adjust_all(START_ITERATIONS, None)
        for place, keyframe in zip(begun.frames, self.map.keyframes, strict=True):
            self.records[place].T = keyframe.T
        self.map.look_around(ids)
        first, last = begun.frames[0], begun.frames[-1]
        begin = self._track_at(first, ids, begun.pixels[0])
        self._along(begin, range(first + 1, last), grows=False)
        end = self._track_at(last, ids, begun.pixels[-1])
        self._last = self.map.keyframes[len(begun.frames) - 1]
        end = self._with_seeds(end, self._last)
        self._along(begin, range(first - 1, -1, -1), grows=True)
        self._track, self._last = end, self.map.keyframes[len(begun.frames) - 1]
        self._inliers = []
        self.map.look_around(ids)
        self._along_end(last)

    def _along_end(self, last: int) -> None:
        """Frames after the start's last one, that came before it was looked at."""
        rest, self.records = self.records[last + 1 :], self.records[: last + 1]
        for record in self.records:
            record.grey = None
        for record in rest:
            self.track(record)

    def _track_at(
        self, place: int, ids: Int64[np.ndarray, " n"], pixels: Float64[np.ndarray, "n 2"]
    ) -> Track:
        record = self.records[place]
        assert record.T is not None
        return Track(record.levels, record.T, ids, pixels, record.timestamp)

    def _along(self, track: Track, places: range, grows: bool) -> None:
        """Track frames that came before, in any direction, until one cannot be placed."""
        last = self.map.keyframes[0]
        self._inliers = []
        for place in places:
            record = self.records[place]
            placed = self._follower.follow(self.map, track, record.levels, record.timestamp)
            if isinstance(placed, Unplaced):
                return
            if record.keyframe is not None:
                track = placed.track
            elif grows:
                is_end = place == places[-1]
                track = self._taken(record, placed, last, is_end)
                if record.keyframe is not None:
                    last = self.map.keyframes[record.keyframe]
            else:
                record.fill(placed)
                track = placed.track

    def _taken(
        self, record: Record, placed: Placed, last: MonoKeyframe, wanted: bool = False
    ) -> Track:
        """The track from a frame on, that may have become a keyframe."""
        record.fill(placed)
        since = abs(record.index - last.frame_index)
        if not wanted and not self._wants_keyframe(placed, last, since):
            self._inliers = [*self._inliers[-9:], len(placed.ids)]
            return placed.track
        self._inliers = [*self._inliers[-9:], len(placed.ids)]
        return self._make_keyframe(record, placed)

    def _wants_keyframe(self, placed: Placed, last: MonoKeyframe, since: int) -> bool:
        if since < MIN_APART:
            return False
        known = last.ids[self.map.points.state[last.ids] == POINT]
        shared, a, b = np.intersect1d(last.ids, placed.ids, return_indices=True)
        left = len(shared) / max(len(known), 1)
        if left < FEW_LEFT:
            return True
        usual = float(np.median(self._inliers)) if self._inliers else 0.0
        if len(placed.ids) < WELL * max(placed.visible, usual):
            return False
        moved = np.median(np.linalg.norm(last.pixels[a] - placed.pixels[b], axis=1))
        unit = min(1.0, self.lens.width / WIDTH)
        return bool(
            left < LEFT or moved > MOVED * unit or (since >= MOST_APART and moved > STILL * unit)
        )

    def _make_keyframe(self, record: Record, placed: Placed) -> Track:
        track, local_map = placed.track, self.map
        keyframe = local_map.keyframes.add(record.index, placed.T, track.levels)
        record.keyframe, keyframe.velocity = keyframe.number, placed.velocity
        local_map.observe(keyframe, placed.ids, placed.pixels, placed.weights)
        is_seed = local_map.points.state[track.ids] == SEED
        seeds, pixels = track.ids[is_seed], track.pixels[is_seed]
        local_map.observe(keyframe, seeds, pixels, np.full(len(seeds), SIGMA_WEIGHTS["flow"]))
        ripe = local_map.ripen(seeds)
        local_map.sharpen(ripe)
        local_map.adjust_locally()
        record.T = keyframe.T
        local_map.look_around(np.concatenate([placed.ids, ripe]))
        return self._with_seeds(replace(track, T=keyframe.T), keyframe)

    def _with_seeds(self, track: Track, keyframe: MonoKeyframe) -> Track:
        """New corners are followed too."""
        taken = track.pixels.astype(np.float32)
        corners = new_corners(track.levels.grey, taken, MOST_SEEDS, track.levels.used).astype(float)
        ids = self.map.points.add(keyframe.number, corners)
        self.map.observe(keyframe, ids, corners, np.ones(len(ids)))
        return replace(
            track,
            ids=np.concatenate([track.ids, ids]),
            pixels=np.concatenate([track.pixels, corners]),
        )

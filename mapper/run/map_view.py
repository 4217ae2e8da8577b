"""Shows a viewer the map as it grows, and no more of it than it takes to follow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.sim3 import scale_of
from mapper.frontends.base import TrackingState
from mapper.io.viewer.map_logger import MapLogger
from mapper.report.loops import loop_text
from mapper.run.shown_points import ShownPoints
from mapper.runtime.process_health import Pace, resident_mb
from mapper.slam.recorder import MapNow

REDRAWN: Final = 0.05  # share of the keyframes that are new, before all edges are redrawn ...
MOST: Final = 0.5  # ... or share of them that moved
VISIBLE_MOVE: Final = 2e-3  # metres, and about as much of a rotation matrix's entries


class MapView:
    """All poses at every step would make the recording grow with the square of the run: only what
    has visibly moved since it was shown is shown again.

    points: of each keyframe, at most.
    """

    def __init__(self, logger: MapLogger, points: int) -> None:
        self._logger = logger
        self._points_each = points
        self._shown: dict[int, np.ndarray] = {}  # poses, by keyframe
        self._points = ShownPoints()
        self._loop_undrawn, self._drawn_at = False, 0  # of the edges; the newest keyframe's id then
        self._pace = Pace()
        self._newest = (0, 0.0)  # index and timestamp of the last frame

    def resume(self, keyframes: list[Keyframe]) -> None:
        """Go on with the time line of the part before, whose keyframes these are."""
        if keyframes:
            for frame in (keyframes[0].frames[0], keyframes[-1].frames[-1]):
                self._newest = frame.frame_index, frame.timestamp
                self._logger.at(*self._newest)

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """The camera and its image; how the program itself is doing goes with the values."""
        self._newest = frame.index, frame.timestamp
        health = {
            "health/frames_per_second": self._pace.tick(),
            "health/memory_MB": resident_mb(),
        }
        if state == TrackingState.LOST:
            self._logger.at(frame.index, frame.timestamp)
            self._logger.event(f"frame {frame.index}: {state}", "WARN")
        self._logger.frame(frame, T_world_camera, state, {**values, **health})

    def update(self, update: GraphUpdate) -> None:
        """A keyframe opened: its points, what moved, and what was decided about loops."""
        if update.opened is None or update.opened_map is None:
            return
        if update.culled is not None:
            self._forget(update.culled.visit.id)
        for decision in update.decisions:
            if decision.kind == EdgeKind.LOOP:
                self._logger.event(loop_text(decision, update.opened.is_metric))
        S_world_keyframe = update.poses[update.opened.id]
        self._show_points(update.opened.id, update.opened_map, S_world_keyframe)
        set_anew = ((k, update.poses[k]) for k in sorted(update.moved))
        moved = {k: S for k, S in set_anew if self._has_moved(k, S)}
        drift = {
            "drift/scale": float(scale_of(S_world_keyframe)),
            "drift/largest_correction": self._largest_correction(moved),
        }
        self._shown.update({k: S.copy() for k, S in moved.items()})
        self._logger.keyframe_poses(moved)
        self._draw_edges(update, update.opened.id, moved)
        self._logger.numbers(drift)

    def finish(self, now: MapNow) -> None:
        """Where everything is in the end; what moved is shown at the times at which it was seen."""
        self._show_moving(now)
        self._logger.keyframe_poses(now.poses)
        self._logger.edges(_drawn(now.edges), now.poses)
        self._logger.trajectory(now.global_map().trajectory()[1].positions)

    def _show_moving(self, now: MapNow) -> None:
        """Each keyframe's in place of the one's before. Where none is left, the layer is empty."""
        shown = 0
        for each in now.moving_points():
            if shown or len(each.points):
                step = max(1, len(each.points) // self._points_each)
                self._logger.at(each.frame_index, each.timestamp)
                self._logger.moving(each.points[::step])
            shown = len(each.points)
        self._logger.at(*self._newest)
        if shown:
            self._logger.moving(np.zeros((0, 3), np.float32))

    def _forget(self, keyframe_id: int) -> None:
        self._logger.forget(keyframe_id)
        self._points.give_back(keyframe_id)
        self._shown.pop(keyframe_id, None)

    def _show_points(self, keyframe_id: int, source: KeyframeMap, S: np.ndarray) -> None:
        points, colors = _sample(source, self._points_each)
        new = self._points.new(keyframe_id, points, S)
        self._logger.keyframe(keyframe_id, points[new], colors[new], S)
        self._logger.keyframe_maps(source.depth, source.weight)

    def _draw_edges(self, update: GraphUpdate, newest: int, moved: Collection[int]) -> None:
        """All of them, after a loop that moved the map; after others when there are enough new
        keyframes, as in a place that is known well every one of them brings loops."""
        self._loop_undrawn |= any(edge.kind == EdgeKind.LOOP for edge in update.edges)
        due = newest - self._drawn_at >= REDRAWN * len(update.poses)
        if self._loop_undrawn and (due or len(moved) > MOST * len(update.poses)):
            self._logger.edges(_drawn(update.graph_edges), update.poses)
            self._loop_undrawn, self._drawn_at = False, newest

    def _largest_correction(self, moved: Mapping[int, np.ndarray]) -> float:
        """How far the graph has just moved a keyframe, in the map's units."""
        known = [k for k in moved if k in self._shown]
        shifts = [np.linalg.norm(moved[k][:3, 3] - self._shown[k][:3, 3]) for k in known]
        return float(max(shifts, default=0.0))

    def _has_moved(self, keyframe_id: int, S_world_keyframe: np.ndarray) -> bool:
        """Visibly, since it was last shown."""
        shown = self._shown.get(keyframe_id)
        if shown is None:
            return True
        return float(np.abs(shown - S_world_keyframe).max()) > VISIBLE_MOVE


def _sample(source: KeyframeMap, at_most: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) in the keyframe's camera and their colours, thinned evenly."""
    step = max(1, int(np.sqrt(source.depth.size / at_most)))
    points = backproject(source.depth, source.intrinsics)[::step, ::step].reshape(-1, 3)
    valid = points[:, 2] > 0
    return points[valid], source.image[::step, ::step].reshape(-1, 3)[valid]


def _drawn(edges: Sequence[Edge]) -> list[tuple[int, int, str]]:
    """Edges of the graph as a viewer takes them."""
    return [(edge.i, edge.j, edge.kind.value) for edge in edges]

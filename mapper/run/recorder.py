"""Writes down what happens: journal, trajectory, recording."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from mapper.backend.backend import Backend, GraphUpdate
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframe_culling import Released
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.config.settings import RecordingConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction
from mapper.core.sim3 import scale_of
from mapper.frontends.base import TrackingState
from mapper.io.trajectory_files import write_tum, write_tum_parts
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.report.loops import loop_text
from mapper.run.directory import RunDirectory
from mapper.run.journal import Journal
from mapper.run.records import (
    decision_record,
    edge_record,
    keyframe_record,
    poses_record,
    visit_record,
)
from mapper.run.shown_points import ShownPoints
from mapper.runtime.process_health import Pace, resident_mb

SAVE_PAUSE = 20.0  # times what saving the trajectories takes, before it is done again
LEAVING = 32  # keyframes that were let go and whose files are still there
REDRAWN, MOST = 0.05, 0.5  # shares of the keyframes: new, and moved, before all edges are redrawn
VISIBLE_MOVE = 2e-3  # metres, and about as much of a rotation matrix's entries


class RunRecorder:
    """Writes a run directory as the run goes, so that a kill at any time leaves a valid map.

    The checkpoint names the frame that opened the newest keyframe and how long the journal was
    before it; --resume takes up exactly there.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: RecordingConfig,
        logger: MapLogger | None = None,
        keep_bytes: int = 0,
        save_predictions: bool = False,
    ) -> None:
        self._run = run
        self._config = config
        self._logger = logger or NullLogger()
        self._journal = Journal(run.journal, keep_bytes)
        self._save_predictions = save_predictions
        self._shown: dict[int, np.ndarray] = {}  # poses, by keyframe
        self._points = ShownPoints()
        self._loop_undrawn, self._drawn_at = False, 0  # of the edges; the newest keyframe's id then
        self._pace = Pace()
        self._leaving: deque[int] = deque()  # let go, their files still there
        self._next_save = time.monotonic() + config.save_interval
        if save_predictions:
            run.predictions.mkdir(exist_ok=True)

    def __enter__(self) -> RunRecorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def resume(self, keyframes: list[Keyframe]) -> None:
        """Go on with the time line of the part before, whose keyframes these are."""
        if keyframes:
            for frame in (keyframes[0].frames[0], keyframes[-1].frames[-1]):
                self._logger.at(frame.frame_index, frame.timestamp)

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """Show a frame with its pose, state, values and the health of the process."""
        health = {
            "health/frames_per_second": self._pace.tick(),
            "health/memory_MB": resident_mb(),
        }
        if state == TrackingState.LOST:
            self._logger.at(frame.index, frame.timestamp)
            self._logger.event(f"frame {frame.index}: {state}", "WARN")
        self._logger.frame(
            frame.index,
            frame.timestamp,
            frame.image,
            T_world_camera,
            frame.intrinsics,
            state,
            {**values, **health},
        )

    def prediction(self, prediction: Prediction) -> None:
        """Save it where predictions are asked for."""
        if self._save_predictions:
            save_prediction(self._run.predictions, prediction)

    def update(self, update: GraphUpdate, backend: Backend, checkpoint: dict[str, Any]) -> None:
        """Write the new keyframe, its edges and decisions; show what moved."""
        if update.opened is None:
            return
        if update.closed is not None:
            self._journal.append("keyframe", **keyframe_record(update.closed))
        if update.released is not None:
            self._journal.append("visit", **visit_record(update.released))
        self._run.write_json(
            self._run.checkpoint,
            {
                **checkpoint,
                "next_frame": update.opened.frame_index,
                "journal_bytes": self._journal.bytes_written,
            },
            indent=None,
        )
        if update.released is not None:
            self._forget(update.released)
        self._write_graph(update)
        if update.moved:
            self._journal.append("optimised", keyframes=len(backend.keyframes))
        self._show(update, update.opened, backend)
        if time.monotonic() > self._next_save:
            self._write_trajectories(backend)

    def finish(self, update: GraphUpdate, backend: Backend) -> None:
        """Write what only the end brings."""
        if update.closed is not None:
            self._journal.append("keyframe", **keyframe_record(update.closed))
        final = backend.global_map()
        self._journal.append("dropped", loops=sorted(final.dropped_loops))
        self._journal.append("poses", **poses_record(final))
        self._write_trajectories(backend)
        self._logger.keyframe_poses(backend.graph.poses)
        self._logger.edges(_drawn(backend.graph.edges), backend.graph.poses)
        self._logger.trajectory(backend.trajectory()[1].positions)

    def close(self) -> None:
        """Bring the journal to the disk."""
        self._journal.close()
        while self._leaving:
            self._run.keyframes.delete(self._leaving.popleft())

    def _forget(self, released: Released) -> None:
        """A keyframe was let go. Its file goes when the journal's line is surely on disk."""
        gone = released.visit.id
        self._logger.forget(gone)
        self._points.give_back(gone)
        self._shown.pop(gone, None)
        self._leaving.append(gone)
        if len(self._leaving) > LEAVING:
            self._run.keyframes.delete(self._leaving.popleft())

    def _write_graph(self, update: GraphUpdate) -> None:
        for edge in update.edges:
            self._journal.append("edge", **edge_record(edge))
        for decision in update.decisions:
            self._journal.append("decision", **decision_record(decision))
            if decision.kind == "loop":
                assert update.opened is not None
                self._logger.event(loop_text(decision, update.opened.is_metric))

    def _show(self, update: GraphUpdate, opened: Keyframe, backend: Backend) -> None:
        poses, source = backend.graph.poses, backend.maps.map(opened.id)
        points, colors = self._sample(source)
        new = self._points.new(opened.id, points, poses[opened.id])
        self._logger.keyframe(opened.id, points[new], colors[new], poses[opened.id])
        self._logger.keyframe_maps(source.depth, source.weight)
        drift = {"drift/scale": float(scale_of(poses[opened.id]))}
        if update.moved:
            # All poses at every step would make the recording grow with the square of the run.
            moved = {i: T for i, T in poses.items() if self._has_moved(i, T)}
            drift["drift/largest_correction"] = self._largest_correction(moved)
            self._shown.update({i: T.copy() for i, T in moved.items()})
            self._logger.keyframe_poses(moved)
            self._draw_edges(update, opened, moved, backend)
        self._logger.numbers(drift)

    def _draw_edges(
        self, update: GraphUpdate, opened: Keyframe, moved: Mapping[int, Any], backend: Backend
    ) -> None:
        """All of them, after a loop that moved the map; after others when there are enough new
        keyframes, as in a place that is known well every one of them brings loops."""
        self._loop_undrawn |= any(edge.kind == EdgeKind.LOOP for edge in update.edges)
        due = opened.id - self._drawn_at >= REDRAWN * len(backend.keyframes)
        if self._loop_undrawn and (due or len(moved) > MOST * len(backend.keyframes)):
            self._logger.edges(_drawn(backend.graph.edges), backend.graph.poses)
            self._loop_undrawn, self._drawn_at = False, opened.id

    def _largest_correction(self, moved: dict[int, np.ndarray]) -> float:
        """How far the graph has just moved a keyframe, in the map's units."""
        known = [i for i in moved if i in self._shown]
        shifts = [np.linalg.norm(moved[i][:3, 3] - self._shown[i][:3, 3]) for i in known]
        return float(max(shifts, default=0.0))

    def _has_moved(self, keyframe_id: int, T_world_keyframe: np.ndarray) -> bool:
        """Visibly, since it was last shown."""
        shown = self._shown.get(keyframe_id)
        if shown is None:
            return True
        return float(np.abs(shown - T_world_keyframe).max()) > VISIBLE_MOVE

    def _sample(self, source: KeyframeMap) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 3) in the keyframe's camera and their colours, thinned evenly."""
        from mapper.core.geometry import backproject

        pixels = source.depth.size / self._config.keyframe_points
        step = max(1, int(np.sqrt(pixels)))
        points = backproject(source.depth, source.intrinsics)[::step, ::step].reshape(-1, 3)
        valid = points[:, 2] > 0
        return points[valid], source.image[::step, ::step].reshape(-1, 3)[valid]

    def _write_trajectories(self, backend: Backend) -> None:
        start = time.monotonic()
        write_tum_parts(self._run.trajectory, backend.trajectory_parts())
        write_tum(self._run.keyframe_trajectory, backend.keyframe_trajectory())
        # It takes longer the longer the run lasts, and tracking has to share the time with it.
        end = time.monotonic()
        self._next_save = end + max(self._config.save_interval, SAVE_PAUSE * (end - start))


def _drawn(edges: list[Edge]) -> list[tuple[int, int, str]]:
    """Edges of the graph as a viewer takes them."""
    return [(edge.i, edge.j, edge.kind.value) for edge in edges]

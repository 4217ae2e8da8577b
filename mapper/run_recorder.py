"""Writes down what happens: journal, trajectory, recording. The null twin writes nothing."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Protocol

import numpy as np

from mapper.backend.backend import Backend, GraphUpdate
from mapper.backend.edge import EdgeKind
from mapper.backend.keyframe import Keyframe
from mapper.backend.keyframe_map import KeyframeMap
from mapper.backend.keyframe_reuse import Released
from mapper.backend.loop_closer import LoopDecision
from mapper.config import RecordingConfig
from mapper.frame import Frame
from mapper.frontends.base import TrackingState
from mapper.health import Pace, resident_mb
from mapper.io.map_logger import MapLogger, NullLogger
from mapper.io.trajectory_files import write_tum
from mapper.journal import Journal
from mapper.length_text import length_text
from mapper.map_record import edge_record, keyframe_record, poses_record, visit_record
from mapper.prediction import Prediction
from mapper.prediction_files import save_prediction
from mapper.run_directory import RunDirectory
from mapper.shown_points import ShownPoints
from mapper.sim3 import scale_of

SAVE_PAUSE = 20.0  # times what saving the trajectories takes, before it is done again
LEAVING = 32  # keyframes that were let go and whose files are still there
VISIBLE_MOVE = 2e-3  # metres, and about as much of a rotation matrix's entries


class Recorder(Protocol):
    """What the mapper tells while it works; all calls come from one thread."""

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None: ...
    def prediction(self, prediction: Prediction) -> None: ...
    def update(self, update: GraphUpdate, backend: Backend, checkpoint: dict[str, Any]) -> None: ...
    def finish(self, update: GraphUpdate, backend: Backend) -> None: ...
    def close(self) -> None: ...


class NullRecorder:
    """A Recorder that writes nothing."""

    def frame(self, *args: object) -> None: ...
    def prediction(self, *args: object) -> None: ...
    def update(self, *args: object) -> None: ...
    def finish(self, *args: object) -> None: ...
    def close(self) -> None: ...


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
        self._edges: list[tuple[int, int, str]] = []
        self._shown: dict[int, np.ndarray] = {}
        self._points = ShownPoints()
        self._has_points: set[int] = set()  # keyframes that something is shown of
        self._visits: dict[int, tuple[int, np.ndarray]] = {}  # ... of those that were let go
        self._pace = Pace()
        self._leaving: deque[int] = deque()  # let go, their files still there
        self._last_save = time.monotonic()
        self._save_seconds = 0.0
        if save_predictions:
            run.predictions.mkdir(exist_ok=True)

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        memory = resident_mb()
        health = {"health/frames_per_second": self._pace.tick()}
        health |= {} if memory is None else {"health/memory_MB": memory}
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
        if self._save_predictions:
            save_prediction(self._run.predictions, prediction)

    def update(self, update: GraphUpdate, backend: Backend, checkpoint: dict[str, Any]) -> None:
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
        # It takes longer the longer the run lasts, and tracking has to share the time with it.
        pause = max(self._config.save_interval, SAVE_PAUSE * self._save_seconds)
        if time.monotonic() - self._last_save > pause:
            self._write_trajectories(backend)

    def finish(self, update: GraphUpdate, backend: Backend) -> None:
        if update.closed is not None:
            self._journal.append("keyframe", **keyframe_record(update.closed))
        main = [k.id for k in backend.main_keyframes()]
        self._journal.append("dropped", loops=sorted(backend.dropped_loops()))
        self._journal.append("poses", **poses_record(main, backend.graph.poses, backend.settlement))
        self._write_trajectories(backend)
        poses = self._shown_poses(backend)
        self._logger.keyframe_poses(poses)
        self._logger.edges(self._edges, poses)
        self._logger.trajectory(backend.trajectory()[1].positions)

    def close(self) -> None:
        self._journal.close()
        for gone in self._leaving:
            self._run.keyframes.delete(gone)

    def _forget(self, released: Released) -> None:
        """A keyframe was let go. Its file goes when the journal's line is surely on disk."""
        gone = released.visit.id
        if gone in self._has_points:
            self._visits[gone] = released.anchor_id, released.visit.S_keyframe_visit
        else:
            self._shown.pop(gone, None)
            self._logger.forget(gone)
        self._leaving.append(gone)
        if len(self._leaving) > LEAVING:
            self._run.keyframes.delete(self._leaving.popleft())
        self._edges = [edge for edge in self._edges if gone not in edge[:2]]
        self._edges += [(edge.i, edge.j, edge.kind.value) for edge in released.edges]

    def _write_graph(self, update: GraphUpdate) -> None:
        for edge in update.edges:
            self._journal.append("edge", **edge_record(edge))
            self._edges.append((edge.i, edge.j, edge.kind.value))
        for decision in update.decisions:
            self._journal.append("decision", **decision.to_dict())
            if decision.kind == "loop":
                assert update.opened is not None
                self._logger.event(_loop_text(decision, update.opened.is_metric))

    def _show(self, update: GraphUpdate, opened: Keyframe, backend: Backend) -> None:
        poses, source = self._shown_poses(backend), backend.maps.map(opened.id)
        points, colors = self._sample(source)
        new = self._points.new(points, poses[opened.id])
        if new.any():
            self._has_points.add(opened.id)
        self._logger.keyframe(opened.id, points[new], colors[new], poses[opened.id])
        self._logger.keyframe_maps(source.depth, source.weight)
        drift = {"drift/scale": float(scale_of(poses[opened.id]))}
        if update.moved:
            # All poses at every step would make the recording grow with the square of the run.
            moved = {i: T for i, T in poses.items() if self._has_moved(i, T)}
            drift["drift/largest_correction"] = self._largest_correction(moved)
            self._shown.update({i: T.copy() for i, T in moved.items()})
            self._logger.keyframe_poses(moved)
            if any(edge.kind == EdgeKind.LOOP for edge in update.edges):
                self._logger.edges(self._edges, poses)
        self._logger.numbers(drift)

    def _shown_poses(self, backend: Backend) -> dict[int, np.ndarray]:
        """Of the keyframes, and of those that were let go: what is shown of them moves along."""
        poses = backend.graph.poses
        return poses | {k: poses[anchor] @ S for k, (anchor, S) in self._visits.items()}

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
        from mapper.geometry import backproject

        pixels = source.depth.size / self._config.keyframe_points
        step = max(1, int(np.sqrt(pixels)))
        points = backproject(source.depth, source.intrinsics)[::step, ::step].reshape(-1, 3)
        valid = points[:, 2] > 0
        return points[valid], source.image[::step, ::step].reshape(-1, 3)[valid]

    def _write_trajectories(self, backend: Backend) -> None:
        start = time.monotonic()
        write_tum(self._run.trajectory, backend.trajectory()[1])
        write_tum(self._run.keyframe_trajectory, backend.keyframe_trajectory())
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - start


def _loop_text(decision: LoopDecision, is_metric: bool) -> str:
    """What was decided about a loop, and by which numbers, where there are any."""
    verdict = "closed" if decision.accepted else f"refused ({decision.reason})"
    text = f"loop {decision.i}-{decision.j} by {decision.found_by} {verdict}"
    if decision.rmse <= 0:
        return text  # it was refused before anything was measured
    return (
        f"{text}: overlap {decision.overlap:.2f}, agreement {decision.agreement:.2f}, "
        f"residual {length_text(decision.rmse, is_metric)}, "
        f"shift {length_text(decision.correction, is_metric)}"
    )

"""The mapper: frames in, one after the other; trajectory and map out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mapper.backend.backend import Backend
from mapper.backend.edge import Edge
from mapper.backend.keyframe import Keyframe
from mapper.backend.loop_closer import LoopDecision
from mapper.backend.map_cache import MapStore
from mapper.config import MapperConfig
from mapper.errors import InputError
from mapper.frame import Frame
from mapper.frontends.base import Frontend, ResumableFrontend, TrackingState
from mapper.frontends.registry import choose_frontend, create_frontend
from mapper.mesh import Mesh
from mapper.prediction import Prediction
from mapper.run_recorder import NullRecorder, Recorder
from mapper.stopwatch import Stopwatch
from mapper.trajectory import Trajectory
from mapper.worker import Worker

logger = logging.getLogger(__name__)
SKIPS_NAMED = 3


@dataclass
class FrameCounts:
    """frames: handed in. lost: not placed by the frontend. skipped: unreadable."""

    frames: int = 0
    lost: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class MappingResult:
    """frame_indices: (N,), of the poses in trajectory. Poses are T_world_camera, metres where
    is_metric; the world is the first keyframe of the first segment. dropped_loops: pairs of
    keyframes whose loop passed verification and was yet given up by the graph.
    """

    trajectory: Trajectory
    frame_indices: np.ndarray
    keyframe_trajectory: Trajectory
    mesh: Mesh
    counts: FrameCounts
    keyframes: int
    decisions: list[LoopDecision]
    dropped_loops: set[tuple[int, int]]
    is_metric: bool


@dataclass(frozen=True, slots=True)
class _Job:
    """A frame on its way from the frontend to the backend."""

    frame: Frame
    predictions: list[Prediction]
    state: TrackingState
    values: dict[str, float]
    checkpoint: dict[str, Any] = field(default_factory=dict)


class Mapper:
    """Maps a stream of frames.

        mapper = Mapper()
        for frame in open_sequence("sequence/"):
            mapper.step(frame)
        result = mapper.finish()

    The frontend runs in the caller's thread, the backend beside it (config.threads). A fault in
    the backend comes out of the next step() or of finish().
    """

    def __init__(
        self,
        config: MapperConfig | None = None,
        *,
        frontend: Frontend | None = None,
        recorder: Recorder | None = None,
        store: MapStore | None = None,
    ) -> None:
        self.config = config or MapperConfig()
        self.stopwatch = Stopwatch()
        self.counts = FrameCounts()
        self.backend = Backend(self.config.backend, store, self.stopwatch)
        self.decisions: list[LoopDecision] = []
        self.skip_reason: str | None = None  # of the first unreadable frame
        self._frontend = frontend
        self._recorder = recorder or NullRecorder()
        self._first_segment = 0  # of the frontend, after the segments of an interrupted run
        self._worker: Worker[_Job] = Worker(self._process, self.config.threads)

    @property
    def state(self) -> TrackingState:
        """What became of the last frame."""
        return TrackingState.LOST if self._frontend is None else self._frontend.state

    def step(self, frame: Frame) -> TrackingState:
        """Track one frame and pass what is known of it on to the backend."""
        frontend = self._frontend or self._create_frontend(frame)
        checkpoint = self._checkpoint(frontend)
        with self.stopwatch.measure("track"):
            predictions = frontend.step(frame)
        self.counts.frames += 1
        self.counts.lost += frontend.state == TrackingState.LOST
        values = {**frontend.values, "track_ms": self.stopwatch.last_ms("track")}
        job = _Job(frame, predictions, frontend.state, values, checkpoint)
        self._worker.put(job)
        return frontend.state

    def skip(self, error: InputError) -> None:
        """Count a frame that could not be read; the first few are named in the log."""
        self.counts.frames += 1
        self.counts.skipped += 1
        self.skip_reason = self.skip_reason or str(error)
        if self.counts.skipped <= SKIPS_NAMED:
            logger.warning("frame skipped: %s", error)
        elif self.counts.skipped == SKIPS_NAMED + 1:
            logger.warning("more frames are skipped; they are counted, not named")

    def finish(self) -> MappingResult:
        """Settle everything: last predictions, final optimisation, whole map."""
        self._worker.join()
        if self._frontend is not None:
            checkpoint = self._checkpoint(self._frontend)
            for prediction in self._frontend.flush():
                self._take(prediction, checkpoint)
        with self.stopwatch.measure("finish"):
            update = self.backend.finish()
            mesh = self.backend.extract_mesh()
        indices, trajectory = self.backend.trajectory()
        if self.backend.keyframes:
            self._recorder.finish(update, self.backend)
        self._recorder.close()
        return MappingResult(
            trajectory,
            indices,
            self.backend.keyframe_trajectory(),
            mesh,
            self.counts,
            len(self.backend.keyframes),
            self.decisions,
            self.backend.dropped_loops(),
            True if self._frontend is None else self._frontend.is_metric,
        )

    def restore(
        self,
        keyframes: list[Keyframe],
        edges: list[Edge],
        checkpoint: dict[str, Any],
        read_frame: Callable[[int], Frame],
    ) -> None:
        """Take up an interrupted run where its checkpoint was made."""
        self.backend.restore(keyframes, edges)
        self.counts = FrameCounts(**checkpoint["counts"])
        if checkpoint["frontend"] is None:  # it forgot; what comes is in a world of its own
            self._first_segment = max((k.segment for k in keyframes), default=-1) + 1
            self._see_again(keyframes, read_frame)
            return
        first = read_frame(int(checkpoint["next_frame"]))
        frontend = self._frontend or self._create_frontend(first)
        assert isinstance(frontend, ResumableFrontend)
        frontend.restore(checkpoint["frontend"], read_frame)

    def _see_again(self, keyframes: list[Keyframe], read_frame: Callable[[int], Frame]) -> None:
        """Step the last frame that was placed once more: being in both segments, it joins them."""
        if not keyframes:
            return
        frame = read_frame(keyframes[-1].frames[-1].frame_index)
        frontend = self._frontend or self._create_frontend(frame)
        checkpoint = self._checkpoint(frontend)
        for prediction in frontend.step(frame):
            self._take(prediction, checkpoint)

    def _create_frontend(self, frame: Frame) -> Frontend:
        name, _ = choose_frontend(self.config, frame.depth is not None)
        self._frontend = create_frontend(self.config, name)
        return self._frontend

    def _checkpoint(self, frontend: Frontend) -> dict[str, Any]:
        """What it takes to step this frame again in a new process."""
        memory = frontend.snapshot() if isinstance(frontend, ResumableFrontend) else None
        counts = {
            "frames": self.counts.frames,
            "lost": self.counts.lost,
            "skipped": self.counts.skipped,
        }
        return {"counts": counts, "frontend": memory}

    def _process(self, job: _Job) -> None:
        """The backend's share of a frame; runs in the worker's thread."""
        with self.stopwatch.measure("backend"):
            for prediction in job.predictions:
                self._take(prediction, job.checkpoint)
        values = {**job.values, "backend_ms": self.stopwatch.last_ms("backend")}
        with self.stopwatch.measure("record"):
            T_world_camera = self._latest_pose() if job.predictions else None
            self._recorder.frame(job.frame, T_world_camera, job.state.value, values)

    def _take(self, prediction: Prediction, checkpoint: dict[str, Any]) -> None:
        if self._first_segment:
            segment = prediction.segment + self._first_segment
            prediction = replace(prediction, segment=segment)
        self._recorder.prediction(prediction)
        update = self.backend.add(prediction)
        self.decisions += update.decisions
        with self.stopwatch.measure("record"):
            self._recorder.update(update, self.backend, checkpoint)

    def _latest_pose(self) -> np.ndarray:
        keyframe = self.backend.keyframes[-1]
        return self.backend.graph.poses[keyframe.id] @ keyframe.frames[-1].T_keyframe_camera

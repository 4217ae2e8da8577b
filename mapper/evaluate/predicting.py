"""Runs a frontend, with the backend behind it or not, and keeps what a benchmark compares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.core.sim3 import scale_of
from mapper.errors import InputError
from mapper.frontends.base import Frontend
from mapper.slam.mapper import Mapper
from mapper.slam.recorder import NullRecorder

Kept = Literal["poses", "depth", "points"]  # beside the poses; memory grows with it


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out for one frame. T_world_camera: float64 (4, 4). scale: of the world, to a unit
    of the map. map: what was kept, z = 0 = no point: None, depth float32 (h, w), or points float32
    (h, w, 3) in the camera."""

    T_world_camera: np.ndarray
    scale: float
    map: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Answers:
    """frames: by frame index. keyframes: indices of the backend's, empty without one.

    unplaced: predictions of a stretch that nothing joins to the first one. seconds: of frontend and
    backend together, reading excluded. is_metric: the frontend's units are metres.
    """

    frames: dict[int, Answer]
    keyframes: list[int]
    unplaced: int
    seconds: float
    is_metric: bool


@dataclass
class PredictionKeeper(NullRecorder):
    """Keeps as much as a task needs of the first prediction of each frame that passes by."""

    keep: Kept
    maps: dict[int, np.ndarray] = field(default_factory=dict)

    def prediction(self, *args: object) -> None:
        """Keep what the frontend said."""
        prediction = args[0]
        assert isinstance(prediction, Prediction)
        if self.keep != "poses" and prediction.frame_index not in self.maps:
            kept = prediction.pointmap if self.keep == "points" else prediction.depth.copy()
            self.maps[prediction.frame_index] = kept


def answers_of_frontend(frontend: Frontend, frames: Iterable[Frame], keep: Kept) -> Answers:
    """What the frontend alone says.

    Its segments are chained by the frame that two of them share, their scales taken as they are, as
    TTT3R publishes it; a segment that shares none is left out, and so is a pose that is not finite.
    """
    keeper, chain, seconds = PredictionKeeper(keep), _Chain(), 0.0
    for frame in frames:
        started = time.perf_counter()
        predictions = frontend.step(frame)
        seconds += time.perf_counter() - started
        for prediction in predictions:
            keeper.prediction(prediction)
            chain.add(prediction)
    started = time.perf_counter()
    for prediction in frontend.flush():
        keeper.prediction(prediction)
        chain.add(prediction)
    seconds += time.perf_counter() - started
    answers = {i: Answer(T, 1.0, keeper.maps.get(i)) for i, T in chain.poses.items()}
    return Answers(answers, [], chain.unplaced, seconds, frontend.is_metric)


class _Chain:
    """Poses in the world of the first segment."""

    def __init__(self) -> None:
        self.poses: dict[int, np.ndarray] = {}
        self.unplaced = 0
        self._T_world_segment: dict[int, np.ndarray] = {}

    def add(self, prediction: Prediction) -> None:
        if not np.isfinite(prediction.T_world_camera).all():
            return
        segment, index = prediction.segment, prediction.frame_index
        if segment not in self._T_world_segment:
            if not self._T_world_segment:
                self._T_world_segment[segment] = np.eye(4)
            elif index in self.poses:
                origin = self.poses[index] @ inverse(prediction.T_world_camera)
                self._T_world_segment[segment] = origin
            else:
                self.unplaced += 1
                return
        pose = self._T_world_segment[segment] @ prediction.T_world_camera
        self.poses.setdefault(index, pose)


def answers_with_backend(
    frontend: Frontend, config: MapperConfig, frames: Iterable[Frame], keep: Kept
) -> Answers:
    """What comes out of frontend and backend: the frontend's pointmaps, at the backend's poses and
    at the scale that it gives their keyframes."""
    keeper = PredictionKeeper(keep)
    with Mapper(config, frontend=frontend, recorder=keeper) as mapper:
        seconds = 0.0
        for frame in frames:
            started = time.perf_counter()
            mapper.step(frame)
            seconds += time.perf_counter() - started
        started = time.perf_counter()
        result = mapper.finish()
        seconds += time.perf_counter() - started
    if not result.keyframes:
        raise InputError("not one frame could be placed, so there is nothing to compare")
    keyframes = mapper.backend.main_keyframes()
    scales = {
        tracked.frame_index: float(scale_of(mapper.backend.poses[keyframe.id] @ S))
        for keyframe in keyframes
        for S, frames in keyframe.stretches
        for tracked in frames
    }
    answers = {
        int(i): Answer(T, scales[int(i)], keeper.maps.get(int(i)))
        for i, T in zip(result.frame_indices, result.trajectory.T_world_camera, strict=True)
    }
    first = [keyframe.frames[0].frame_index for keyframe in keyframes]
    unplaced = result.counts.frames - result.counts.lost - len(answers)
    return Answers(answers, first, unplaced, seconds, result.is_metric)


def answers_one_by_one(
    frontend: Frontend, frames: Iterable[Frame], take: Callable[[int, np.ndarray | None], None]
) -> float:
    """Show the frontend each frame alone; hand (frame index, depth (h, w), or None without an
    answer) to `take`; seconds."""
    seconds = 0.0
    for frame in frames:
        started = time.perf_counter()
        frontend.reset()
        predictions = [*frontend.step(frame), *frontend.flush()]
        seconds += time.perf_counter() - started
        take(frame.index, predictions[-1].depth if predictions else None)
    return seconds

"""Frontend and backend as a benchmark runs them."""

from __future__ import annotations

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse
from mapper.core.prediction import Prediction
from mapper.evaluate.predicting import answers_of_frontend
from mapper.frontends.base import TrackingState
from tests.support.made_up_scene import CAMERA, FRAMES, true_depth, true_pose

IMAGE = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)


def frames() -> list[Frame]:
    return [Frame(i, i / 10, IMAGE, true_depth(i), CAMERA) for i in range(FRAMES)]


class Resetting:
    """True poses in a world of the frontend's own, which changes at frame `reset_at`.

    shared: the frame before the change is told in both worlds. late: answers at the end.
    """

    name, is_metric, state = "resetting", True, TrackingState.TRACKING

    def __init__(self, reset_at: int, shared: bool, late: bool = False) -> None:
        self.values: dict[str, float] = {}
        self._reset_at, self._shared, self._late = reset_at, shared, late
        self._waiting: list[Prediction] = []

    def step(self, frame: Frame) -> list[Prediction]:
        segment = int(frame.index >= self._reset_at)
        predictions = [self._told(frame, segment)]
        if self._shared and frame.index == self._reset_at - 1:
            predictions.append(self._told(frame, 1))
        self._waiting += predictions if self._late else []
        return [] if self._late else predictions

    def flush(self) -> list[Prediction]:
        return self._waiting

    def reset(self) -> None: ...

    def _told(self, frame: Frame, segment: int) -> Prediction:
        origin = true_pose(self._reset_at - 1 if segment else 0)
        points = backproject(true_depth(frame.index), CAMERA)
        pose = inverse(origin) @ true_pose(frame.index)
        confidence = np.ones(points.shape[:2], np.float32)
        return Prediction(
            frame.index, frame.timestamp, points, confidence, pose, CAMERA, IMAGE, True, segment
        )


def test_segments_are_chained_by_the_frame_that_they_share() -> None:
    answers = answers_of_frontend(Resetting(4, shared=True), frames(), "points")
    assert sorted(answers.frames) == list(range(FRAMES))
    for index, answer in answers.frames.items():
        assert np.allclose(answer.T_world_camera, true_pose(index))
        assert answer.map is not None
        assert answer.map.shape == (CAMERA.height, CAMERA.width, 3)


def test_a_segment_that_nothing_joins_is_left_out_and_counted() -> None:
    answers = answers_of_frontend(Resetting(4, shared=False), frames(), "depth")
    assert sorted(answers.frames) == [0, 1, 2, 3]
    assert answers.unplaced == FRAMES - 4


def test_late_answers_count_too_and_maps_are_kept_only_if_asked_for() -> None:
    answers = answers_of_frontend(Resetting(9, shared=False, late=True), frames(), "poses")
    assert len(answers.frames) == FRAMES
    assert all(answer.map is None for answer in answers.frames.values())

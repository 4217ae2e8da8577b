"""A frontend that knows the truth: a benchmark of it must show no error at all."""

from __future__ import annotations

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.io.datasets.dataset import BenchSequence

NAME = "truth"


class TruthFrontend:
    """Poses and depth of the ground truth; its world is the first camera that has a pose.

    A frame without a pose counts as lost; one without depth has a pose but no points.
    """

    name = NAME
    is_metric = True

    def __init__(self, sequence: BenchSequence) -> None:
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._poses = sequence.T_world_camera
        self._T_first_world: np.ndarray | None = None

    def step(self, frame: Frame) -> list[Prediction]:
        """The true map at the true pose, in the world of the first camera after a reset."""
        pose = np.eye(4) if self._poses is None else self._poses[frame.index]
        if not np.isfinite(pose).all():
            self.state = TrackingState.LOST
            return []
        self.state = TrackingState.TRACKING
        if self._T_first_world is None:
            self._T_first_world = inverse(pose)
        return [self._prediction(frame, self._T_first_world @ pose)]

    def flush(self) -> list[Prediction]:
        """Nothing is inside."""
        return []

    def reset(self) -> None:
        """The next frame begins a world of its own."""
        self._T_first_world = None

    def _prediction(self, frame: Frame, T_world_camera: np.ndarray) -> Prediction:
        height, width = frame.image.shape[:2]
        camera = frame.intrinsics or _assumed(width, height)
        depth = np.zeros((height, width), np.float32) if frame.depth is None else frame.depth
        return Prediction(
            frame.index,
            frame.timestamp,
            backproject(depth, camera),
            (depth > 0).astype(np.float32),
            T_world_camera,
            camera,
            frame.image,
            is_metric=True,
        )


def _assumed(width: int, height: int) -> Intrinsics:
    """Any camera, where none is known: z, which is all that is compared then, is what counts."""
    return Intrinsics(width, width, width / 2, height / 2, width, height)

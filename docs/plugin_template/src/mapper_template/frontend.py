"""A frontend in a few lines: it takes the camera for still and the sensor's depth for the view."""

from __future__ import annotations

import numpy as np

from mapper import Frame, InputError, Prediction
from mapper.core.geometry import backproject
from mapper.frontends.base import TrackingState
from mapper.frontends.registry import FrontendSpec


class StillFrontend:
    """Where your tracker or network goes: step() says where each frame is and what it sees."""

    name = "template-still"
    is_metric = True

    def __init__(self) -> None:
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}

    def step(self, frame: Frame) -> list[Prediction]:
        if frame.depth is None or frame.intrinsics is None:
            raise InputError("the frontend template-still needs depth and its camera")
        pointmap = backproject(frame.depth, frame.intrinsics).astype(np.float32)
        confidence = (frame.depth > 0).astype(np.float32)
        T_world_camera = np.eye(4)  # yours knows better
        return [
            Prediction(
                frame.index,
                frame.timestamp,
                pointmap,
                confidence,
                T_world_camera,
                frame.intrinsics,
                frame.image,
                is_metric=True,
            )
        ]

    def flush(self) -> list[Prediction]:
        return []

    def reset(self) -> None:
        """There is no past to forget."""


SPEC = FrontendSpec(
    name="template-still",
    create=lambda settings, matcher: StillFrontend(),
    needs_depth=True,
)

"""Who is told what the mapper does, while it does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.moving.layer import MovingPoints
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.runtime.closing import Closing
from mapper.slam.checkpoint import Checkpoint


class MapNow(Protocol):
    """What a recorder may ask of the map as it is now; the backend answers.

    poses: S_world_keyframe (4, 4) of every keyframe. edges: of the whole graph.
    """

    @property
    def poses(self) -> Mapping[int, np.ndarray]: ...  # noqa: D102  # above
    @property
    def edges(self) -> Sequence[Edge]: ...  # noqa: D102  # above
    def global_map(self) -> GlobalMap:
        """The connected map, in the end with what came of the last optimisation."""

    def moving_points(self) -> Iterator[MovingPoints]:
        """What keyframes saw of things that moved, in the order of time."""


class Recorder(AbstractContextManager["Recorder", None], Protocol):
    """What the mapper tells while it works; all calls come from one thread.

    It is closed at the end of its `with` block, and may be before.
    """

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """One frame with its pose, state and plotted values."""

    def prediction(self, prediction: Prediction) -> None:
        """What the frontend said."""

    def update(self, update: GraphUpdate, now: MapNow, checkpoint: Checkpoint) -> None:
        """What the backend changed, and how to go on from here."""

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """The last change."""

    def close(self) -> None:
        """Close what is open."""


class NullRecorder(Closing):
    """A Recorder that writes nothing."""

    def frame(self, *args: object) -> None:
        """Keeps nothing."""

    def prediction(self, *args: object) -> None:
        """Keeps nothing."""

    def update(self, *args: object) -> None:
        """Keeps nothing."""

    def finish(self, *args: object) -> None:
        """Keeps nothing."""

    def close(self) -> None:
        """Nothing is open."""


class Recorders(Closing):
    """Several as one: each is told, in their order."""

    def __init__(self, *recorders: Recorder) -> None:
        self._recorders = recorders

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """See Recorder."""
        for recorder in self._recorders:
            recorder.frame(frame, T_world_camera, state, values)

    def prediction(self, prediction: Prediction) -> None:
        """See Recorder."""
        for recorder in self._recorders:
            recorder.prediction(prediction)

    def update(self, update: GraphUpdate, now: MapNow, checkpoint: Checkpoint) -> None:
        """See Recorder."""
        for recorder in self._recorders:
            recorder.update(update, now, checkpoint)

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """See Recorder."""
        for recorder in self._recorders:
            recorder.finish(update, now)

    def close(self) -> None:
        """However one of them ends, the others do."""
        with ExitStack() as stack:
            for recorder in self._recorders:
                stack.callback(recorder.close)

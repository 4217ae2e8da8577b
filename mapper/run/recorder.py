"""Passes what happens on to the journal, the trajectories, the predictions and the viewer."""

from __future__ import annotations

import numpy as np

from mapper.backend.graph_update import GraphUpdate
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.config.settings import RecordingConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction
from mapper.io.viewer.map_logger import MapLogger, NullLogger
from mapper.run.directory import RunDirectory
from mapper.run.journal_recorder import JournalRecorder
from mapper.run.map_view import MapView
from mapper.run.trajectory_saver import TrajectorySaver
from mapper.run.writing_behind import WritingBehind
from mapper.runtime.closing import Closing
from mapper.slam.checkpoint import Checkpoint
from mapper.slam.recorder import MapNow


class RunRecorder(Closing):
    """Writes a run directory as the run goes."""

    def __init__(
        self,
        run: RunDirectory,
        config: RecordingConfig,
        logger: MapLogger | None = None,
        keep_bytes: int = 0,
        save_predictions: bool = False,
        threaded: bool = False,
    ) -> None:
        """keep_bytes: of the journal, which a run that is carried on had written.

        threaded: write keyframes and journal beside the mapping. store: where its maps go.
        """
        self.store = WritingBehind(run.keyframes, threaded)
        self._predictions = run.predictions if save_predictions else None
        self._journal = JournalRecorder(run, self.store, keep_bytes)
        self._trajectories = TrajectorySaver(run, config.save_interval)
        self._view = MapView(logger or NullLogger(), config.keyframe_points)
        if save_predictions:
            run.predictions.mkdir(exist_ok=True)

    def resume(self, keyframes: list[Keyframe]) -> None:
        """Go on where the part before ended, whose keyframes these are."""
        self._view.resume(keyframes)

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """A frame went through."""
        self._view.frame(frame, T_world_camera, state, values)

    def prediction(self, prediction: Prediction) -> None:
        """What the frontend says, before the backend has seen it."""
        if self._predictions is not None:
            save_prediction(self._predictions, prediction)

    def update(self, update: GraphUpdate, now: MapNow, checkpoint: Checkpoint) -> None:
        """What the backend made of a prediction. The journal comes first: it is the map."""
        if update.opened is None:
            return
        self._journal.update(update, checkpoint)
        self._view.update(update)
        self._trajectories.save_if_due(now)

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """The map is as it will stay."""
        self._journal.finish(update, now)
        self._trajectories.save(now)
        self._view.finish(now)

    def close(self) -> None:
        """Nothing follows."""
        self._journal.close()

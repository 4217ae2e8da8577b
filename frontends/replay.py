"""Plays back predictions that an earlier run saved; the model itself is not needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction, predictions_of
from mapper.core.quantities import Text
from mapper.core.settings_model import settings
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.masking import at_size, masked

SAME_TIME = 1e-3  # seconds


@settings
class ReplayConfig:
    """The frontend replay: predictions that were saved before.

    predictions: the folder that `mapper run --save-predictions` filled.
    """

    predictions: Text = ""


class ReplayFrontend:
    """The saved prediction of each frame; a frame without one counts as lost."""

    name = "replay"

    def __init__(self, config: ReplayConfig) -> None:
        if not config.predictions:
            raise ConfigError(
                "the frontend replay needs the folder of saved predictions: "
                "--set replay.predictions=RUN/predictions"
            )
        self._folder = Path(config.predictions)
        files = sorted(self._folder.glob("*.npz"))
        if not files:
            raise InputError(
                f"{self._folder}: no saved predictions; make them with mapper run "
                "--save-predictions"
            )
        self.is_metric = load_prediction(files[0]).is_metric
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}

    def step(self, frame: Frame) -> list[Prediction]:
        """The predictions that were saved at this frame."""
        predictions = [load_prediction(path) for path in predictions_of(self._folder, frame.index)]
        for prediction in predictions:
            if abs(prediction.timestamp - frame.timestamp) > SAME_TIME:
                raise InputError(
                    f"{self._folder}: its frame {frame.index} is of {prediction.timestamp:.3f} s, "
                    f"this sequence's of {frame.timestamp:.3f} s: replay with the same sequence, "
                    "--start and --stride"
                )
        self.state = TrackingState.TRACKING if predictions else TrackingState.LOST
        return [masked(p, at_size(frame.mask, *p.image.shape[1::-1])) for p in predictions]

    def flush(self) -> list[Prediction]:
        """Nothing: all predictions were given at their frames."""
        return []

    def reset(self) -> None:
        """Nothing is remembered between frames."""

    def snapshot(self) -> ReplayFrontend:
        """Itself: there is nothing that a later frame could change."""
        return self

    def note(self) -> dict[str, Any]:
        """Nothing: the folder holds everything."""
        return {}

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Nothing to take up: each frame stands for itself."""

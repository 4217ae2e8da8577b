"""What another model saved of a sequence, frame by frame: poses and depths become predictions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend, TrackingState
from mapper.frontends.predictions.adapter import Conventions, Piece, Source
from mapper.frontends.predictions.adapters.registry import choose_adapter
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.predictions.convention_check import Agreement, Stored, check
from mapper.frontends.predictions.conventions import as_matrix, camera_to_world
from mapper.frontends.predictions.counting import check_count
from mapper.frontends.predictions.free_scale.frontend import FreeScaleFrontend
from mapper.frontends.predictions.reading import PieceReader, camera_of, size_of
from mapper.vision.matching import FeatureMatcher

logger = logging.getLogger(__name__)

SAME_TIME: Final = 1e-3  # seconds
POOR: Final = 0.2  # of the points of neighbouring frames that agree: less is told


def create(config: PredictionsConfig, matcher: FeatureMatcher) -> Frontend:
    """The frontend for what is stored there: with poses, or depth alone."""
    if not config.path:
        raise ConfigError(
            "the frontend predictions needs what a model saved: "
            "--set predictions.path=FILE or FOLDER"
        )
    path = Path(config.path)
    adapter = choose_adapter(config.adapter, path)
    source = adapter.open(path)
    logger.info("%s: %s", path, adapter.what)
    if source.has_poses:
        return PredictionsFrontend(config, source)
    said = [
        name for name in ("pose_direction", "axes", "metric") if getattr(config, name) != "auto"
    ]
    if said:
        raise ConfigError(f"{path}: there are no poses, of which predictions.{said[0]} could tell")
    return FreeScaleFrontend(config, source, matcher)


def conventions_of(config: PredictionsConfig, source: Source) -> Conventions:
    """Those of the layout, less what the user says."""
    used = source.conventions
    if config.pose_direction != "auto":
        used = replace(used, pose=config.pose_direction)
    if config.axes != "auto":
        used = replace(used, axes=config.axes)
    if config.metric != "auto":
        used = replace(used, is_metric=config.metric == "on")
    return used


class PredictionsFrontend:
    """Predictions with poses; a frame without one, or whose pose is not finite, counts as lost."""

    name = "predictions"

    def __init__(self, config: PredictionsConfig, source: Source) -> None:
        """Raises InputError where neighbouring frames fit only if the poses mean something else,
        which the user did not say."""
        self._config, self._source = config, source
        self._conventions = conventions_of(config, source)
        self.is_metric = self._conventions.is_metric
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self._reader = PieceReader(config.path, self._conventions, config.fit)
        self._agreement = self._checked() if source.count else None

    def expect(self, frames: int) -> None:
        """Raises InputError for a sequence of another length."""
        check_count(self._config.path, self._source.count, frames)

    def step(self, frame: Frame) -> list[Prediction]:
        """What is stored of the frame."""
        pieces = self._source.pieces(frame.index)
        if not pieces and self._source.count is not None:
            check_count(self._config.path, self._source.count, frame.index + 1)
        found = [self._predicted(piece, frame) for piece in pieces]
        predictions = [each for each in found if each is not None]
        self.state = TrackingState.TRACKING if predictions else TrackingState.LOST
        return predictions

    def flush(self) -> list[Prediction]:
        """Nothing: all predictions were given at their frames."""
        return []

    def reset(self) -> None:
        """Nothing is remembered between frames."""

    def snapshot(self) -> PredictionsFrontend:
        """Itself: there is nothing that a later frame could change."""
        return self

    def note(self) -> dict[str, Any]:
        """Nothing: the files hold everything."""
        return {}

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Nothing to take up: each frame stands for itself."""

    def metrics(self) -> dict[str, Any]:
        """How well neighbouring frames agree."""
        if self._agreement is None or not self._agreement.pairs:
            return {}
        return {"predictions_agree": self._share(self._agreement)}

    def notes(self) -> list[str]:
        """What of the predictions is worth a doubt."""
        agreement = self._agreement
        if agreement is None or not agreement.pairs or self._share(agreement) >= POOR:
            return []
        return [
            f"{self._config.path}: only {self._share(agreement):.0%} of the points agree with "
            "neighbouring frames under the stored poses: depths or poses are bad, or of different "
            "scales"
        ]

    def _share(self, agreement: Agreement) -> float:
        return agreement.shares[self._conventions.pose, self._conventions.axes]

    def _predicted(self, piece: Piece, frame: Frame) -> Prediction | None:
        if piece.timestamp is not None and abs(piece.timestamp - frame.timestamp) > SAME_TIME:
            raise InputError(
                f"{self._config.path}: its frame {frame.index} is of {piece.timestamp:.3f} s, this "
                f"sequence's of {frame.timestamp:.3f} s: take the same sequence, --start and "
                "--stride"
            )
        found = self._reader.read(piece, frame, self._config.min_confidence)
        if found.T_world_camera is None:
            raise InputError(f"{self._config.path}: frame {frame.index} has no pose")
        if not np.isfinite(found.T_world_camera).all():
            logger.warning("frame %d: its stored pose is not finite", frame.index)
            return None
        return Prediction(
            frame.index,
            frame.timestamp,
            found.pointmap,
            found.confidence,
            found.T_world_camera,
            found.camera,
            found.image,
            self.is_metric,
            piece.segment,
            piece.descriptor,
            piece.noise,
        )

    def _checked(self) -> Agreement:
        count = self._source.count or 0
        agreement = check(self._stored, range(count), camera_to_world, self._conventions)
        better = agreement.better_than(self._conventions)
        if better is None:
            return agreement
        config, remedies = self._config, []
        if better.pose != self._conventions.pose:
            remedies.append(f"predictions.pose_direction={better.pose}")
        if better.axes != self._conventions.axes:
            remedies.append(f"predictions.axes={better.axes}")
        ours, theirs = self._share(agreement), agreement.shares[better.pose, better.axes]
        inverted = "inverted" if better.pose != self._conventions.pose else "with other axes"
        message = (
            f"{config.path}: the poses fit better when {inverted} ({theirs:.0%} of neighbouring "
            f"frames' points agree, against {ours:.0%}): set {' and '.join(remedies)}"
        )
        if config.pose_direction == "auto" or config.axes == "auto":
            raise InputError(message)
        logger.warning("%s", message)  # the user has said both
        return agreement

    def _stored(self, index: int) -> Stored | None:
        """As it is stored, for the check; None where that is not enough."""
        pieces = self._source.pieces(index)
        if not pieces or pieces[0].pose is None or pieces[0].intrinsics is None:
            return None
        piece, what = pieces[0], f"{self._config.path}: frame {index}"
        T = as_matrix(pieces[0].pose, f"{what}: the pose")
        if not np.isfinite(T).all():
            return None
        try:
            camera = camera_of(piece, size_of(piece, what), what)
        except InputError:  # of the images' size, or none: that is told where there is a frame
            return None
        if piece.points is not None and piece.points_in == "world":
            return Stored(T, camera, points=piece.points)
        depth = piece.depth if piece.points is None else np.abs(piece.points[..., 2])
        assert depth is not None
        return Stored(T, camera, np.where(np.isfinite(depth) & (depth > 0), depth, 0))

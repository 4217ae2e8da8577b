"""Images with depth of free scale, and no poses: placed by what they see of one another."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np

from mapper.core.depth_noise import LEARNED
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part, scale_of
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.predictions.adapter import Source
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.predictions.counting import check_count
from mapper.frontends.predictions.free_scale.placing import Placing
from mapper.frontends.predictions.free_scale.tracker import FreeTrack, Landmarks, begin, follow
from mapper.frontends.predictions.free_scale.view import FreeView, nominal
from mapper.frontends.predictions.reading import Geometry, PieceReader
from mapper.vision.matching import FeatureMatcher

logger = logging.getLogger(__name__)

RESTART_AFTER: Final = 30  # lost frames, after which a new segment begins
MIN_DEPTH: Final = 0.1  # share of the pixels that must have depth


class FreeScaleFrontend:
    """Each image's depth has a factor of its own, which is found with its pose.

    The first image of a segment gives the unit. A frame that nothing places is lost.
    """

    name = "predictions"
    is_metric = False

    def __init__(self, config: PredictionsConfig, source: Source, matcher: FeatureMatcher) -> None:
        self._config, self._source, self._matcher = config, source, matcher
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._reader = PieceReader(config.path, source.conventions, config.fit)
        self._segment = -1
        self.reset()

    def expect(self, frames: int) -> None:
        """Raises InputError for a sequence of another length."""
        check_count(self._config.path, self._source.count, frames)

    def reset(self) -> None:
        """Forget the past; the next frame starts a new segment."""
        self._segment += 1
        self._track: FreeTrack | None = None
        self._lost = 0
        self._landmarks = Landmarks()

    def flush(self) -> list[Prediction]:
        """Nothing waits."""
        return []

    def step(self, frame: Frame) -> list[Prediction]:
        """The frame's prediction, or nothing when it cannot be placed (state is then LOST)."""
        pieces = self._source.pieces(frame.index)
        if not pieces:
            check_count(self._config.path, self._source.count, frame.index + 1)
            raise InputError(f"{self._config.path}: there is nothing of frame {frame.index}")
        found = self._reader.read(pieces[0], frame, self._config.min_confidence)
        depth = nominal(np.where(found.confidence > 0, found.pointmap[..., 2], np.float32(0)))
        self.values = {}
        if np.count_nonzero(depth) < MIN_DEPTH * depth.size:
            return self._lose()
        view = FreeView(
            frame.index, frame.timestamp, found.image, depth, found.camera, self._matcher
        )
        if self._track is None:
            return self._start(view, found)
        followed = follow(self._track, view)
        self.state = TrackingState.TRACKING
        if followed is not None:
            track = followed[0]
            self.values = _values(followed[1])
        else:
            located = self._landmarks.locate(self._track, view)
            if located is None:
                return self._lose() or self._restarted(view, found)
            track = located
            self.state = TrackingState.RELOCALISED
        if track.reference is track.last:
            self._landmarks.add(track.last)
        self._track, self._lost = track, 0
        return [self._prediction(track, found)]

    def _start(self, view: FreeView, found: Geometry) -> list[Prediction]:
        self._track = begin(view)
        self._landmarks.add(self._track.last)
        self.state = TrackingState.TRACKING
        return [self._prediction(self._track, found)]

    def _lose(self) -> list[Prediction]:
        self._lost += 1
        self.state = TrackingState.LOST
        return []

    def _restarted(self, view: FreeView, found: Geometry) -> list[Prediction]:
        """A new segment once too many frames were lost to wait for a known place any longer."""
        if self._lost <= RESTART_AFTER:
            return []
        logger.info("frame %d: a new segment after %d lost frames", view.frame_index, self._lost)
        self.reset()
        return self._start(view, found)

    def _prediction(self, track: FreeTrack, found: Geometry) -> Prediction:
        S, view = track.last.S_world_view, track.last.view
        depth = view.depth * np.float32(scale_of(S))
        return Prediction(
            view.frame_index,
            view.timestamp,
            backproject(depth, view.camera),
            found.confidence,
            rigid_part(S),
            view.camera,
            view.image,
            is_metric=False,
            segment=self._segment,
            noise=LEARNED,
        )


def _values(placing: Placing) -> dict[str, float]:
    """Worth a plot."""
    return {
        "overlap": placing.evidence.seen,
        "light": placing.evidence.light,
        "matches": float(placing.matches),
    }

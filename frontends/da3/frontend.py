"""Depth Anything 3 as a frontend: calls of many views, of a keyframe loop or in chunks."""

from __future__ import annotations

import logging

import numpy as np

from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from mapper.frontends.base import TrackingState
from mapper.frontends.da3.chunks.stream import ChunkStream
from mapper.frontends.da3.joint import JointDa3
from mapper.frontends.da3.options import NAME, Da3Options
from mapper.frontends.da3.preparing import image_size, named_weights, prepared_network
from mapper.frontends.da3.preprocess import layout_of, preprocessed
from mapper.frontends.da3.reference_view import Choice
from mapper.frontends.graphs import Graphs
from mapper.frontends.images import Layout
from mapper.frontends.keyframe_loop.answers import LoopAnswers
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import KeyframeStream, Limits, Streamed
from mapper.frontends.learned import LearnedFrontend, Shown

logger = logging.getLogger(__name__)

CHUNKS = "chunks"


class Da3Frontend(LearnedFrontend):
    """Poses and depths up to one scale a segment.

    Sources: Lin et al., Depth Anything 3, 2025; the loop: Wang and Agapito, AMB3R, 2025.
    """

    def __init__(self, options: Da3Options, weights: str | None = None) -> None:
        check_options(options)
        name = named_weights(options, weights)
        super().__init__(NAME, NAME, options, name)
        self.options = options
        self._image_size = image_size(options, self._device)
        model = prepared_network(self.weights, options, name, self._device, self.precision)
        self._model = model
        graphs = Graphs(self._device, options.compile != "off")
        choice: Choice = "saddle_balanced" if options.loop == CHUNKS else "first"
        self._joint = JointDa3(model, choice, options.cameras == "rays", graphs)
        self.reset()
        logger.info(
            "%s: %s on %s, images at %d", self.name, self.weights, self._device, self._image_size
        )

    def flush(self) -> list[Prediction]:
        """The frames that still wait; the stream ends here."""
        with self._inference():
            streamed = self._stream.flush()
        predictions = self._told(streamed)
        self.reset()
        return predictions

    def _layout_of(self, width: int, height: int) -> Layout:
        return layout_of(width, height, self._image_size, self.options.fit)

    def _preprocessed(self, image: np.ndarray) -> np.ndarray:
        return preprocessed(image, self._image_size, self.options.fit)

    def _forget(self) -> None:
        options = self.options
        self._answers = LoopAnswers()
        self._stream: KeyframeStream | ChunkStream
        if options.loop == CHUNKS:
            self._stream = ChunkStream(self._joint, options.chunk, options.overlap)
        else:
            limits = Limits(options.keyframes, options.anchors)
            rules = LoopRules(first=options.first, every=options.every).with_most(options.active)
            self._stream = KeyframeStream(self._joint, rules, limits)

    def _see(self, shown: Shown) -> list[Prediction]:
        """What the frame completes: none, or the answers of a whole call."""
        self._answers.wait(self._stream.frames, shown)
        with self._inference():
            streamed = self._stream.step(shown.image, shown.camera)
        self.state = TrackingState.TRACKING
        return self._told(streamed)

    def _told(self, streamed: list[Streamed]) -> list[Prediction]:
        predictions = self._answers.predictions(streamed, self._predicted)
        if self.options.loop == CHUNKS and any(said.depth is None for said in streamed):
            self._segment += 1  # nothing ties the next chunk to those before
        return predictions


def check_options(options: Da3Options) -> None:
    """ConfigError for sizes that make no loop."""
    if options.loop == CHUNKS and options.overlap >= options.chunk:
        raise ConfigError(
            f"{NAME}.overlap={options.overlap}: must be less than {NAME}.chunk, {options.chunk}"
        )

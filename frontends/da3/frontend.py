"""Depth Anything 3 as a frontend: calls of many views, of a keyframe loop or in chunks."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from mapper.frontends.base import TrackingState
from mapper.frontends.da3.chunks.stream import ChunkStream
from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.heads import AUX, LEVELS
from mapper.frontends.da3.joint import JointDa3
from mapper.frontends.da3.loading import load_da3
from mapper.frontends.da3.options import NAME, Da3Options
from mapper.frontends.da3.preprocess import layout_of, preprocessed
from mapper.frontends.da3.reference_view import Choice
from mapper.frontends.graphs import Graphs
from mapper.frontends.images import Layout
from mapper.frontends.keyframe_loop.answers import LoopAnswers
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import KeyframeStream, Limits, Streamed
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.layers.precision import set_precision
from mapper.frontends.learned import LearnedFrontend, Shown
from mapper.frontends.loading import move
from mapper.frontends.vggt.cache.heap import keep_freed_memory

logger = logging.getLogger(__name__)

PUBLISHED_SIZE, SMALL_SIZE = 504, 252  # of images, on a GPU and on a CPU
CHUNKS = "chunks"
SIZES = {f"{NAME}-{size}": size for size in PUBLISHED}  # by the published names of weights


class Da3Frontend(LearnedFrontend):
    """Poses and depths up to one scale a segment.

    Sources: Lin et al., Depth Anything 3, 2025; the loop: Wang and Agapito, AMB3R, 2025.
    """

    def __init__(self, options: Da3Options, weights: str | None = None) -> None:
        check_options(options)
        super().__init__(NAME, NAME, options, weights or f"{NAME}-{options.model}")
        size = SIZES.get(weights or "", options.model)
        self.options = options
        on_cpu = self._device.type == "cpu"
        self._image_size = options.image_size or (SMALL_SIZE if on_cpu else PUBLISHED_SIZE)
        model = load_da3(self.weights, size)
        set_precision(model, self.precision, self._device)
        self._model = model
        move(model, self._device, unasked(options))
        if on_cpu:
            keep_freed_memory()
            if CAN_PACK:
                pack_linears(model.cam_dec)
        if options.compile == "on":
            for block in model.backbone.pretrained.blocks:
                block.compile()
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
            self._stream = KeyframeStream(self._joint, rules_of(options), limits)

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


def rules_of(options: Da3Options) -> LoopRules:
    """The published rules, with what was chosen."""
    rules = LoopRules(first=options.first, every=options.every, most=options.active)
    least = min(rules.least, options.active)
    return replace(rules, least=least, nearest=min(rules.nearest, max(least - 2, 1)))


def check_options(options: Da3Options) -> None:
    """ConfigError for sizes that make no loop."""
    if options.active < 3:
        raise ConfigError(f"{NAME}.active={options.active}: a call needs 3 keyframes or more")
    if options.loop == CHUNKS and options.overlap >= options.chunk:
        raise ConfigError(
            f"{NAME}.overlap={options.overlap}: must be less than {NAME}.chunk, {options.chunk}"
        )


def unasked(options: Da3Options) -> list[str]:
    """Parts that stay on the CPU."""
    parts = ["cam_enc"]
    if options.cameras != "rays":
        chain = [f"refinenet{number}{AUX}" for number in range(1, LEVELS + 1)]
        branch = [*chain, f"output_conv1{AUX}", f"output_conv2{AUX}"]
        parts += [f"head.scratch.{name}" for name in branch]
    return parts

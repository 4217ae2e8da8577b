"""STream3R, StreamVGGT and VGGT as frontends: a stream with a cache, or a whole sequence."""

from __future__ import annotations

import logging

import numpy as np
import torch

from mapper.core.depth_noise import DepthNoise
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.anchors import Anchor, next_anchor
from mapper.frontends.base import TrackingState
from mapper.frontends.graphs import Graphs
from mapper.frontends.images import Layout
from mapper.frontends.keyframe_loop.answers import LoopAnswers
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import KeyframeStream, Limits
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.layers.precision import set_precision
from mapper.frontends.learned import Answer, LearnedFrontend, Shown
from mapper.frontends.loading import move
from mapper.frontends.transfer import sent
from mapper.frontends.vggt.answers import HEAD, Answers
from mapper.frontends.vggt.cache.budget import default_budget, free_bytes
from mapper.frontends.vggt.cache.heap import keep_freed_memory
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.cache.storage import AUTO, Storage
from mapper.frontends.vggt.keyframes import JointVggt
from mapper.frontends.vggt.loading import load_vggt
from mapper.frontends.vggt.narrow_heads import NarrowHeads
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.options import (
    CommonOptions,
    Stream3rOptions,
    StreamVggtOptions,
    VggtOptions,
    parse_bytes,
)
from mapper.frontends.vggt.preprocess import as_tensor, layout_of, preprocessed
from mapper.frontends.vggt.session import NotFiniteError, StreamSession

logger = logging.getLogger(__name__)

FULL = "full"
WHOLE = "whole"


class VggtFrontend(LearnedFrontend):
    """What the streaming and the offline frontend share: the network, its images, its answers."""

    def __init__(self, name: str, options: CommonOptions, weights: str | None) -> None:
        settings = name.replace("-", "_")
        super().__init__(name, settings, options, weights)
        self._answers = Answers(options.points)
        self.noise = DepthNoise(0.0, options.depth_error, 0.0)
        model = load_vggt(self.weights, name.partition("-")[0])
        set_precision(model, self.precision, self._device)
        self._prepare(model)
        self._model = model
        move(model, self._device, self._unasked())
        if self._device.type == "cpu":
            prepare_for_cpu(self._model)
        if options.compile == "on":
            compile_blocks(self._model)
        self._image_size = options.image_size or model.config.img_size
        logger.info(
            "%s: %s on %s, images at %d", name, self.weights, self._device, self._image_size
        )

    def _prepare(self, model: Vggt) -> None:
        """What else a network needs before it is moved to the device."""

    def _unasked(self) -> list[str]:
        """Heads that stay on the CPU."""
        unused = "depth_head" if self._answers.points == HEAD else "point_head"
        return [unused, "track_head"]

    def _layout_of(self, width: int, height: int) -> Layout:
        return layout_of(width, height, self._image_size)

    def _preprocessed(self, image: np.ndarray) -> np.ndarray:
        return preprocessed(image, self._image_size)


class StreamingFrontend(VggtFrontend):
    """Every frame is answered at once; the past is a cache of keys and values, of bounded size.

    Sources: STream3R, 2025, and StreamVGGT, 2025, which differ in the cache of the camera head.
    """

    def __init__(
        self,
        name: str,
        options: StreamVggtOptions,
        weights: str | None = None,
        mode: str = "causal",
    ) -> None:
        if options.cache != AUTO:
            Storage(options.cache)
        self._budget = parse_bytes(options.kv_budget) if options.kv_budget else None
        self._anchors = options.anchor_every, options.anchor_turn
        super().__init__(name, options, weights)
        if self._budget is None and mode == "causal":
            self._budget = default_budget(self._device)
            logger.info("%s: the cache may take %.1f GB", name, self._budget / 1e9)
        elif self._budget is not None and self._budget > (free := free_bytes(self._device)):
            logger.warning("%s: kv_budget is more than the %.1f GB that are free", name, free / 1e9)
        self._session = StreamSession(
            self._model,
            SessionOptions(
                mode="window" if mode == "window" else "causal",
                shared_camera_cache=name == "streamvggt",
                storage=options.cache,
                budget=self._budget,
                policy=options.kv_policy,
                cache_every=options.cache_every,
                cache_overlap=options.cache_overlap,
                frame_ms=options.kv_ms,
                heads=self._answers.heads,
            ),
            graphs=Graphs(self._device, options.compile != "off"),
        )
        self.reset()

    def _prepare(self, model: Vggt) -> None:
        self._heads = NarrowHeads(model, self.precision, self._device)

    def _see(self, shown: Shown) -> list[Prediction]:
        answer = self._infer(shown)
        placed = None if answer is None else self._anchor.placed(answer)
        predictions = self._predicted(shown, placed)
        if placed is not None and self._is_far(placed):
            self._begin_sequence(shown, placed)
        if predictions:
            self.values["cache_mb"] = self._session.cache_bytes / 1e6
            self.values["cache_allocated_mb"] = self._session.allocated_bytes / 1e6
        return predictions

    def _is_far(self, placed: Answer) -> bool:
        """Whether the frame is to be the next anchor."""
        every, turn = self._anchors
        seen = self._session.frames_seen
        return bool(
            seen > 1
            and ((every and seen >= every) or (turn and self._anchor.turned(placed) > turn))
        )

    def _begin_sequence(self, shown: Shown, placed: Answer) -> None:
        """The frame again, as the first of the next one."""
        self._session.reset()
        fresh = self._infer(shown)
        if fresh is not None:  # else the next frame begins where this one stood
            self._anchor = next_anchor(placed, fresh)

    def _infer(self, shown: Shown) -> Answer | None:
        """None, and the cache as it was, where the network's output is not finite."""
        try:
            with self._inference():
                raw = self._session.step(as_tensor(sent(shown.image, self._device)))
        except NotFiniteError:
            if not self._heads.widen():
                return None
            self._session.heads_changed()
            return self._infer(shown)
        return self._answers.answer(raw, 0)

    def _forget(self) -> None:
        self._session.reset()
        self._anchor = Anchor()


class OfflineFrontend(VggtFrontend):
    """All frames see all others, so all are answered at the end; for short sequences.

    Source: Wang et al., VGGT, 2025.
    """

    def __init__(
        self, name: str, options: VggtOptions | Stream3rOptions, weights: str | None = None
    ) -> None:
        super().__init__(name, options, weights)
        self._max_frames = options.max_frames
        self._waiting: list[Shown] = []
        self.reset()

    def _see(self, shown: Shown) -> list[Prediction]:
        """No prediction yet; InputError beyond max_frames."""
        if len(self._waiting) == self._max_frames:
            raise InputError(
                f"{self.name} sees all frames at once, and more than {self._max_frames} are too "
                f"many: take every N-th with --stride, or raise {self.name}.max_frames; "
                "stream3r and vggt.loop=keyframes take sequences of any length"
            )
        self._waiting.append(shown)
        self.state = TrackingState.TRACKING
        return []

    def flush(self) -> list[Prediction]:
        """The predictions of all frames since the last reset."""
        if not self._waiting:
            return []
        images = [as_tensor(sent(shown.image, self._device)) for shown in self._waiting]
        try:
            with self._inference():
                raw = self._model(torch.cat(images)[None], FULL, self._answers.heads)
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"{len(self._waiting)} frames at once do not fit into memory: take every N-th "
                "with --stride, or a smaller image_size"
            ) from error
        shown, self._waiting = self._waiting, []
        return [
            prediction
            for place, each in enumerate(shown)
            for prediction in self._predicted(each, self._answers.answer(raw, place))
        ]

    def _forget(self) -> None:
        self._waiting = []


class KeyframeFrontend(VggtFrontend):
    """A stream of any length: new frames are shown together with keyframes of the map so far.

    Sources: Wang et al., VGGT, 2025; the loop: Wang and Agapito, AMB3R, 2025.
    """

    def __init__(self, name: str, options: VggtOptions, weights: str | None = None) -> None:
        if options.points == HEAD:
            raise ConfigError(f"{name}.loop=keyframes maps by depth: leave {name}.points out")
        super().__init__(name, options, weights)
        self._rules = LoopRules(first=options.first, every=options.every).with_most(options.active)
        self._joint = JointVggt(self._model, Graphs(self._device, options.compile != "off"))
        self.reset()

    def _see(self, shown: Shown) -> list[Prediction]:
        """What the frame completes: none, or the answers of a whole call."""
        self._waiting.wait(self._stream.frames, shown)
        with self._inference():
            streamed = self._stream.step(shown.image, shown.camera)
        self.state = TrackingState.TRACKING
        return self._waiting.predictions(streamed, self._predicted)

    def flush(self) -> list[Prediction]:
        """The frames that still wait; the stream ends here."""
        with self._inference():
            streamed = self._stream.flush()
        predictions = self._waiting.predictions(streamed, self._predicted)
        self.reset()
        return predictions

    def _forget(self) -> None:
        self._waiting = LoopAnswers()
        self._stream = KeyframeStream(self._joint, self._rules, Limits())


def compile_blocks(model: Vggt) -> None:
    """Compile the blocks within a frame, in place: those across frames attend in other ways."""
    for block in (*model.aggregator.patch_embed.blocks, *model.aggregator.frame_blocks):
        block.compile()


def prepare_for_cpu(model: Vggt) -> None:
    """What makes a frame faster there; the network is not to be moved or saved after it."""
    keep_freed_memory()
    if CAN_PACK:
        pack_linears(model.camera_head)  # which sees one token a frame


def create(
    name: str,
    options: VggtOptions | StreamVggtOptions | Stream3rOptions,
    weights: str | None = None,
) -> VggtFrontend:
    """The frontend of that name, streaming or offline as its options say."""
    if isinstance(options, VggtOptions):
        kind = OfflineFrontend if options.loop == WHOLE else KeyframeFrontend
        return kind(name, options, weights)
    if not isinstance(options, Stream3rOptions):
        return StreamingFrontend(name, options, weights)
    if options.mode == FULL:
        if options.kv_budget:
            raise ConfigError(f"{name}.mode=full keeps no cache: leave kv_budget out")
        return OfflineFrontend(name, options, weights)
    return StreamingFrontend(name, options, weights, options.mode)

"""A stream of frames through the network: the cache is all that stays of the past."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.graphs import Graphs
from mapper.frontends.layers.precision import answer_type
from mapper.frontends.vggt.cache.budget import TimeBudget
from mapper.frontends.vggt.cache.cached_attention import CachedCameras, CachedFrames
from mapper.frontends.vggt.cache.frame_memory import Answered, CacheShapes, FrameMemory
from mapper.frontends.vggt.cache.later_anchors import LaterAnchors
from mapper.frontends.vggt.cache.new_views import NewViews
from mapper.frontends.vggt.cache.pages import CacheShape, FrameCache
from mapper.frontends.vggt.cache.session_options import SPECIAL, TOKENS, SessionOptions
from mapper.frontends.vggt.cache.storage import AUTO, Storage
from mapper.frontends.vggt.cache.token_memory import TokenMemory
from mapper.frontends.vggt.cache.tokens import TokenCache
from mapper.frontends.vggt.config import ITERATIONS
from mapper.frontends.vggt.frame_step import FrameStep, FrameStepper
from mapper.frontends.vggt.network import Vggt, VggtPrediction
from mapper.frontends.vggt.tracks.memory import TrackMemory

if TYPE_CHECKING:
    from jaxtyping import Float

logger = logging.getLogger(__name__)


class NotFiniteError(InputError):
    """The network's output has NaN or infinities; the session is as it was before the frame."""


class StreamSession:
    """`session.step(images)` for each frame, in order; everything is computed once.

    query_points: (B, N, 2) pixels (x, y) of the first frame, tracked through all frames.
    Sources: STream3R and StreamVGGT, 2025; spec sections 4.3, 4.4 and 5.1.
    """

    def __init__(
        self,
        model: Vggt,
        options: SessionOptions | None = None,
        query_points: Float[Tensor, "b n 2"] | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        self.model = model
        self._stepper = FrameStepper(model, graphs if query_points is None else None)
        self.options = options or SessionOptions()
        self._query_points = query_points
        self._told_budget = False
        self._told_memory = False
        self._is_window = self.options.mode == "window" and not self.options.shared_camera_cache
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the anchor of a new sequence."""
        self.frames_seen = 0
        self._stepper.forget_cache()
        self.memory: FrameMemory | TokenMemory | None = None  # once the size of frames is known
        self._anchors = LaterAnchors()
        self._new_views = NewViews(self.options.cache_overlap)
        # A window does not grow.
        self._time = TimeBudget(self.options.frame_ms if self.options.mode == "causal" else 0)
        self._size: tuple[int, ...] = ()
        self._tracks: TrackMemory | None = None
        if self._query_points is not None:
            self._tracks = TrackMemory(self._query_points, self.options.track_window)

    @property
    def frames(self) -> FrameCache | TokenCache | None:
        """Keys and values of the aggregator."""
        return None if self.memory is None else self.memory.frames

    @property
    def cameras(self) -> FrameCache | None:
        """And of the camera head."""
        return None if self.memory is None else self.memory.cameras

    @property
    def cache_bytes(self) -> int:
        """What the frames in the caches take."""
        return 0 if self.memory is None else self.memory.used_bytes

    @property
    def allocated_bytes(self) -> int:
        """What the caches take, with the room for frames to come."""
        return 0 if self.memory is None else self.memory.allocated_bytes

    def heads_changed(self) -> None:
        """Their products are of another type from here on; what was said of past frames stays."""
        self._stepper.forget()
        if self.memory is not None:
            self.memory.cameras.convert(self._camera_storage())

    @torch.inference_mode()
    def step(self, images: Float[Tensor, "b 3 h w"] | Float[Tensor, "b s 3 h w"]) -> VggtPrediction:
        """images (B, 3, H, W), or (B, S, 3, H, W) of which all see one another, in [0, 1].

        Raises NotFiniteError for a frame to which the network has no finite answer, InputError for
        a change of resolution. Where memory runs out, older frames go and the step is repeated.
        """
        images = images[:, None] if images.ndim == 4 else images
        self._prepare(images)
        while True:
            start = time.perf_counter()
            try:
                prediction = self._step(images)
                if self._time.is_spent(time.perf_counter() - start):
                    self._grow_no_more()
                return prediction
            except BaseException as error:
                self._rollback()
                if not out_of_memory(error):
                    raise
            self._retreat()  # outside the handler, which keeps the failed step's tensors alive

    def _step(self, images: Tensor) -> VggtPrediction:
        assert self.memory is not None
        batch = range(self.frames_seen, self.frames_seen + images.shape[1])
        self._tell_once(self.memory.claim(batch))
        watched = self.model.aggregator.tapped if self.memory.watches else frozenset()
        mixer = CachedFrames(self.memory.frames, watched, self.model.config.special_tokens)
        step = self._step_of_window(images, batch) if not watched else None
        if step is None:
            step = self._stepper.step(
                images,
                mixer,
                CachedCameras(self.memory.cameras, batch, self.options.shared_camera_cache),
                self.options.heads,
                anchored=self.frames_seen == 0,
                measured=self.options.policy == TOKENS,
                by_graphs=not self._is_window,  # which would stay when the window is full
            )
        prediction = step.prediction
        if not bool(step.is_finite):
            raise NotFiniteError(f"frame {self.frames_seen}: the network's output is not finite")
        if self._tracks is not None:
            tracks = self._tracks.track(self.model, prediction.aggregated)
            prediction = replace(prediction, tracks=tracks)
        self._commit(batch, prediction, mixer)
        return prediction

    def _step_of_window(self, images: Tensor, batch: range) -> FrameStep | None:
        """As one graph, where the window is full and there are graphs; else None."""
        memory = self.memory
        graphs = self._is_window and self._stepper.uses_graphs
        if not graphs or not isinstance(memory, FrameMemory) or not self.frames_seen:
            return None
        memory.cameras.claim(batch)
        step = self._stepper.whole(images, memory, self.options.heads)
        if step is None:
            memory.cameras.rollback()  # the head claims its own
        return step

    def _prepare(self, images: Tensor) -> None:
        """Caches for frames of this size; a change of size on the way is refused."""
        if self.memory is None:
            self.memory = self._made_memory(images)
            self._size = (images.shape[0], *images.shape[-2:])
        size = (images.shape[0], *images.shape[-2:])
        if size != self._size:
            raise InputError(
                f"frame of {size[2]}x{size[1]} (batch {size[0]}) after frames of "
                f"{self._size[2]}x{self._size[1]} (batch {self._size[0]}): a session needs frames "
                "of one size; start a new one"
            )

    def _made_memory(self, images: Tensor) -> FrameMemory | TokenMemory:
        options, shapes, device = self.options, self._shapes(images), self.model.device
        if options.policy in (TOKENS, SPECIAL):
            return TokenMemory(shapes, device, options.budget, options.policy == SPECIAL)
        window = options.mode == "window"
        return FrameMemory(shapes, device, options.budget, options.policy, window)

    def _shapes(self, images: Tensor) -> CacheShapes:
        """Of a frame in the aggregator's cache, and of an entry in the camera head's."""
        config, options = self.model.config, self.options
        height, width = self.model.aggregator.grid(images)
        storage = self._compute_type() if options.storage == AUTO else options.storage
        frames = CacheShape(
            layers=config.agg_depth,
            batch=images.shape[0],
            tokens=config.special_tokens + height * width,
            heads=config.agg_heads,
            head_dim=config.embed_dim // config.agg_heads,
            storage=Storage(storage),
        )
        cameras = CacheShape(
            layers=config.cam_trunk_depth * (1 if options.shared_camera_cache else ITERATIONS),
            batch=images.shape[0],
            tokens=1,
            heads=config.cam_heads,
            head_dim=2 * config.embed_dim // config.cam_heads,
            storage=self._camera_storage(),
        )
        entries = ITERATIONS if options.shared_camera_cache else 1
        return CacheShapes(frames, cameras, entries, config.special_tokens, (height, width))

    def _compute_type(self) -> str:
        qkv = self.model.aggregator.global_blocks[0].get_submodule("attn.qkv")
        return str(answer_type(qkv)).removeprefix("torch.")

    def _camera_storage(self) -> Storage:
        """Float32; of heads whose products are float16 what they answer, as it is."""
        qkv = self.model.camera_head.trunk[0].get_submodule("attn.qkv")
        weight = getattr(qkv, "weight", None)  # packed for the CPU it has none
        is_narrow = weight is not None and weight.dtype == torch.float16
        return Storage("float16" if is_narrow else "float32")

    def _commit(self, batch: range, prediction: VggtPrediction, mixer: CachedFrames) -> None:
        assert self.memory is not None
        self.frames_seen += len(batch)
        residuals = prediction.aggregated.residuals
        passing = {f for i, f in enumerate(batch) if not self._stays(f, prediction, i)}
        answered = []
        for place, frame in enumerate(batch):
            is_anchor = False
            if residuals is not None and frame not in passing:
                is_anchor = self._anchors.is_next(frame, prediction, place)
            own = None if residuals is None else residuals[:, :, place]
            descriptor = prediction.descriptor[:, place].flatten()
            answered.append(Answered(frame, descriptor, own, is_anchor))
        self.memory.commit(answered, mixer.shares(), passing)

    def _stays(self, frame: int, prediction: VggtPrediction, place: int) -> bool:
        """Whether a frame stays in the caches now that it was answered."""
        is_due = frame % self.options.cache_every == 0
        return is_due and self._new_views.is_new(prediction, place)

    def _rollback(self) -> None:
        assert self.memory is not None
        self.memory.rollback()

    def _retreat(self) -> None:
        """Half as much of the past from here on, because memory ran out; InputError where none is
        left to forget."""
        assert self.memory is not None
        if not self.memory.retreat():
            raise InputError(
                "memory runs out even without a past: use a smaller image_size, "
                "precision=bfloat16, or another device"
            )
        logger.log(
            logging.DEBUG if self._told_memory else logging.WARNING,
            "memory ran out at frame %d: from here on the cache holds %s; what was mapped is kept",
            self.frames_seen,
            self.memory.holds,
        )
        self._told_memory = self._told_budget = True  # the budget is no longer what binds
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _grow_no_more(self) -> None:
        """From here on as much as now."""
        assert self.memory is not None
        if self.memory.grow_no_more():
            logger.warning(
                "frames take longer than kv_ms: the cache stays at %s", self.memory.holds
            )

    def _tell_once(self, dropped: int | None) -> None:
        """dropped: the frame of which something was forgotten, if anything was."""
        if dropped is None:
            return
        if not self._told_budget:
            assert self.memory is not None
            logger.warning(
                "the kv_budget holds %s: from frame %d on older ones are dropped (policy %s), "
                "frame %d first; results are no longer those of the unbounded model",
                self.memory.holds,
                self.frames_seen,
                self.options.policy,
                dropped,
            )
        self._told_budget = True


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the system, had no memory left to give."""
    # PyTorch has a type of its own for accelerators only.
    refused = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return refused or isinstance(error, torch.OutOfMemoryError | MemoryError)

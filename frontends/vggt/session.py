"""A stream of frames through the network: the cache is all that stays of the past."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.graphs import Graphs
from mapper.frontends.layers.precision import answer_type
from mapper.frontends.vggt.cache.budget import SMALLEST_CAPACITY, TimeBudget, capacity
from mapper.frontends.vggt.cache.cached_attention import CachedCameras, CachedFrames
from mapper.frontends.vggt.cache.pages import CacheShape, FrameCache
from mapper.frontends.vggt.cache.retention import KeptFrame, policy_of, victim
from mapper.frontends.vggt.cache.storage import AUTO, Storage
from mapper.frontends.vggt.config import ITERATIONS
from mapper.frontends.vggt.frame_step import FrameStepper
from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction
from mapper.frontends.vggt.tracks.memory import TrackMemory

if TYPE_CHECKING:
    from jaxtyping import Float

logger = logging.getLogger(__name__)

WINDOW = 5  # past frames besides the anchor that a session keeps; a batch has one fewer
PAGE_FRAMES = 32
CAMERA_PAGE_FRAMES = 256


class NotFiniteError(InputError):
    """The network's output has NaN or infinities; the session is as it was before the frame."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session remembers.

    mode: "causal" keeps all frames, or as many as the budget holds; "window" the first and the
    last five. shared_camera_cache: StreamVGGT's rule, by which the four refinements of the camera
    share one cache; STream3R has one for each. storage: of the aggregator's cache, or "auto", the
    type that it computes in. budget: bytes of all caches, None = no limit. policy: which frame goes
    when the budget is spent, see retention. frame_ms: what a frame may take before the cache stops
    growing, 0 = any. heads: which dense heads run.
    track_window: recent frames in whose company query points are tracked; 0 = the first alone.
    """

    mode: Literal["causal", "window"] = "causal"
    shared_camera_cache: bool = False
    storage: str = AUTO
    budget: int | None = None
    policy: str = "overlap"
    frame_ms: float = 0.0
    heads: Heads = field(default_factory=Heads)
    track_window: int = 8

    def __post_init__(self) -> None:
        if self.mode not in ("causal", "window"):
            raise ConfigError(f"mode {self.mode!r}: a session is causal or window")
        policy_of(self.policy)


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
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the anchor of a new sequence."""
        self.frames_seen = 0
        self.frames: FrameCache | None = None  # keys and values of the aggregator
        self.cameras: FrameCache | None = None  # and of the camera head
        self._capacity: int | None = None
        # A window does not grow.
        self._time = TimeBudget(self.options.frame_ms if self.options.mode == "causal" else 0)
        self._size: tuple[int, ...] = ()
        self._kept: dict[int, KeptFrame] = {}
        self._tracks: TrackMemory | None = None
        if self._query_points is not None:
            self._tracks = TrackMemory(self._query_points, self.options.track_window)

    @property
    def cache_bytes(self) -> int:
        """What the frames in the caches take."""
        return sum(cache.used_bytes for cache in (self.frames, self.cameras) if cache)

    @property
    def allocated_bytes(self) -> int:
        """What the caches take, with the room for frames to come."""
        return sum(cache.allocated_bytes for cache in (self.frames, self.cameras) if cache)

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
        assert self.frames is not None and self.cameras is not None
        batch = range(self.frames_seen, self.frames_seen + images.shape[1])
        self._make_room(len(batch))
        self.frames.claim(batch)
        watched = self.model.aggregator.tapped if self._watches else frozenset()
        mixer = CachedFrames(self.frames, watched, self.model.config.special_tokens)
        cameras = CachedCameras(self.cameras, batch, self.options.shared_camera_cache)
        step = self._stepper.step(
            images, mixer, cameras, self.options.heads, anchored=self.frames_seen == 0
        )
        prediction = step.prediction
        if not bool(step.is_finite):
            raise NotFiniteError(f"frame {self.frames_seen}: the network's output is not finite")
        if self._tracks is not None:
            tracks = self._tracks.track(self.model, prediction.aggregated)
            prediction = replace(prediction, tracks=tracks)
        self._commit(batch, prediction, mixer)
        return prediction

    def _prepare(self, images: Tensor) -> None:
        """Caches for frames of this size; a change of size on the way is refused."""
        if self.frames is None:
            self._create_caches(images)
        size = (images.shape[0], *images.shape[-2:])
        if size != self._size:
            raise InputError(
                f"frame of {size[2]}x{size[1]} (batch {size[0]}) after frames of "
                f"{self._size[2]}x{self._size[1]} (batch {self._size[0]}): a session needs frames "
                "of one size; start a new one"
            )

    def _create_caches(self, images: Tensor) -> None:
        options = self.options
        frames, cameras = self._shapes(images)
        entries = ITERATIONS if options.shared_camera_cache else 1  # of the camera's cache, a frame
        if options.budget is not None:
            per_frame = frames.bytes_per_frame + entries * cameras.bytes_per_frame
            self._capacity = capacity(options.budget, per_frame)
        room = None if self._capacity is None else entries * self._capacity
        # In a window the anchor, the last frames and the current one fill one page exactly.
        window = options.mode == "window"
        page, small = (WINDOW + 2,) * 2 if window else (PAGE_FRAMES, CAMERA_PAGE_FRAMES)
        self.frames = FrameCache(frames, self.model.device, page, self._capacity)
        self.cameras = FrameCache(cameras, self.model.device, entries * small, room)
        self._size = (images.shape[0], *images.shape[-2:])

    def _shapes(self, images: Tensor) -> tuple[CacheShape, CacheShape]:
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
            storage=Storage("float32"),
        )
        return frames, cameras

    def _compute_type(self) -> str:
        qkv = self.model.aggregator.global_blocks[0].get_submodule("attn.qkv")
        return str(answer_type(qkv)).removeprefix("torch.")

    @property
    def _watches(self) -> bool:
        """Whether the policy needs to know who is attended to."""
        return self._capacity is not None and self.options.policy == "attention"

    def _commit(self, batch: range, prediction: VggtPrediction, mixer: CachedFrames) -> None:
        assert self.frames is not None and self.cameras is not None
        self.frames.commit()
        self.cameras.commit()
        self.frames_seen += len(batch)
        for frame, share in mixer.shares().items():
            if frame in self._kept:
                self._kept[frame] = self._kept[frame].after(share)
        for number, frame in enumerate(batch):
            self._kept[frame] = KeptFrame(frame, prediction.descriptor[:, number].flatten())
        if self.options.mode == "window":
            for frame in sorted(self._kept)[1:-WINDOW]:
                self._drop(frame)

    def _make_room(self, count: int) -> None:
        """Drop frames until `count` more fit into the budget."""
        while self._capacity is not None and len(self._kept) + count > self._capacity:
            if len(self._kept) < 2:
                raise ConfigError(f"{count} frames at once do not fit into the kv_budget")
            frame = victim(self._kept, self.options.policy)
            self._tell_once(frame)
            self._drop(frame)

    def _drop(self, frame: int) -> None:
        assert self.frames is not None and self.cameras is not None
        del self._kept[frame]
        self.frames.drop(frame)
        self.cameras.drop(frame)

    def _rollback(self) -> None:
        assert self.frames is not None and self.cameras is not None
        self.frames.rollback()
        self.cameras.rollback()

    def _retreat(self) -> None:
        """Half as many frames from here on, because memory ran out; InputError where none is left
        to forget."""
        assert self.frames is not None and self.cameras is not None
        remaining = max(SMALLEST_CAPACITY, len(self._kept) // 2)
        if len(self._kept) <= 1 or remaining == self._capacity:
            raise InputError(
                "memory runs out even without a past: use a smaller image_size, "
                "precision=bfloat16, or another device"
            )
        logger.log(
            logging.DEBUG if self._told_memory else logging.WARNING,
            "memory ran out at frame %d: from here on the cache holds %d frames; what was mapped "
            "is kept",
            self.frames_seen,
            remaining,
        )
        self._told_memory = self._told_budget = True  # the budget is no longer what binds
        self._capacity = remaining
        while len(self._kept) >= remaining:
            self._drop(victim(self._kept, self.options.policy))
        self.frames.shrink(remaining)
        self.cameras.shrink(remaining * (ITERATIONS if self.options.shared_camera_cache else 1))
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _grow_no_more(self) -> None:
        """From here on as many frames as now."""
        held = max(SMALLEST_CAPACITY, len(self._kept))
        if self._capacity is None or held < self._capacity:
            logger.warning("frames take longer than kv_ms: the cache stays at %d frames", held)
            self._capacity = held

    def _tell_once(self, frame: int) -> None:
        if not self._told_budget:
            logger.warning(
                "the kv_budget holds %d frames: from frame %d on older ones are dropped (policy "
                "%s), frame %d first; results are no longer those of the unbounded model",
                self._capacity,
                self.frames_seen,
                self.options.policy,
                frame,
            )
        self._told_budget = True


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the system, had no memory left to give."""
    # PyTorch has a type of its own for accelerators only.
    refused = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return refused or isinstance(error, torch.OutOfMemoryError | MemoryError)

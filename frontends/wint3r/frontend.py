"""WinT3R as a frontend: answers when the last window that a frame is in has been decoded."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, orthonormalised
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.cut3r.preprocess import Layout
from mapper.frontends.device import choose_device
from mapper.frontends.layers.block import DecoderBlock, EncoderBlock
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.pointmap_camera import pointmap_camera
from mapper.frontends.wint3r.blocks import WindowBlock
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.edges import kept_points
from mapper.frontends.wint3r.loading import load_wint3r
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.options import NAME, Wint3rOptions
from mapper.frontends.wint3r.poses import pose_matrix
from mapper.frontends.wint3r.positions import RotaryPrecision
from mapper.frontends.wint3r.prediction import FramePrediction
from mapper.frontends.wint3r.preprocess import as_tensor, inside, layout_of, preprocessed
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions
from mapper.weights.registry import resolve_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A frame that waits for its answer, and the image that the network saw of it."""

    index: int
    timestamp: float
    intrinsics: Intrinsics | None
    image: np.ndarray


class Wint3rFrontend:
    """Poses and pointmaps of overlapping windows, up to one scale for the whole sequence.

    Source: Li et al., WinT3R, 2025, arXiv 2509.05296.
    """

    name = NAME
    is_metric = False

    def __init__(self, options: Wint3rOptions, weights: str | None = None) -> None:
        self.options = options
        self.weights = resolve_weights(weights or None, NAME)
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._device = choose_device(options.device, "wint3r.device")
        self._model = load_wint3r(self.weights).to(self._device)
        self._stream = _stream_options(options, self._model)
        if options.compile:
            compile_blocks(self._model)
        if CAN_PACK and self._device.type == "cpu":
            pack_linears(self._model.cam_head)  # which sees four tokens at a time
        self._segment = -1
        self._said_empty = False
        self._prepared: dict[int, np.ndarray] = {}  # a few frames ahead of step, no more
        self.reset()
        logger.info(
            "%s: %s on %s, windows of %d frames, rotary positions as in the %s",
            self.name,
            self.weights,
            self._device,
            self._stream.window,
            self._stream.precision.value,
        )

    def reset(self) -> None:
        """Forget the past, unanswered frames too; the next frame starts a new segment."""
        self._segment += 1
        self._session = Wint3rSession(self._model, self._stream)
        self._layout: Layout | None = None
        self._waiting: dict[int, _Shown] = {}
        self._done: list[int] = []  # of those, needed until the next step for `newest` alone

    def prepare(self, frame: Frame) -> None:
        """Resize and crop a frame ahead of its step."""
        self._prepared[frame.index] = preprocessed(frame.image)

    def step(self, frame: Frame) -> list[Prediction]:
        """What the frame completes: as many predictions as the stride where it fills a window."""
        height, width = frame.image.shape[:2]
        layout = layout_of(width, height)
        if self._layout not in (None, layout):
            raise InputError(
                f"frame {frame.index} is {width}x{height}, unlike the frames before it: "
                f"{self.name} needs frames of one size"
            )
        self._layout = layout
        image = self._prepared.pop(frame.index, None)
        if image is None:
            image = preprocessed(frame.image)
        shown = _Shown(frame.index, frame.timestamp, frame.intrinsics, image)
        self._waiting[self._session.frames] = shown
        with torch.inference_mode(), self._autocast():
            final = self._session.step(as_tensor(image).to(self._device))
        return self._answers(final)

    def flush(self) -> list[Prediction]:
        """The frames that still wait; the stream ends here."""
        with torch.inference_mode(), self._autocast():
            final = self._session.flush()
        predictions = self._answers(final)
        self.reset()
        return predictions

    @property
    def newest(self) -> list[Prediction]:
        """First predictions of the frames that are new in the window of the last step.

        With low_latency they are what step returned; without it they are for live views only.
        """
        with torch.inference_mode():
            return [self._to_prediction(raw) for raw in self._session.newest]

    def _answers(self, final: list[FramePrediction]) -> list[Prediction]:
        answered = self._session.newest if self.options.low_latency else final
        predictions = [self._to_prediction(raw) for raw in answered]
        lost = self._session.lost
        for position in lost:
            index = self._waiting[position].index
            logger.warning("frame %d: the network's output is not finite", index)
        for position in self._done:
            del self._waiting[position]
        self._done = [raw.position for raw in final] + lost
        self.state = TrackingState.LOST if lost else TrackingState.TRACKING
        return predictions

    def _to_prediction(self, raw: FramePrediction) -> Prediction:
        shown = self._waiting[raw.position]
        intrinsics = self._intrinsics(shown, raw)
        pointmap = raw.pointmap[0].float().cpu().numpy()
        if shown.intrinsics is not None and self.options.use_calibration:
            pointmap = backproject(pointmap[..., 2], intrinsics)
        confidence = raw.confidence[0].float().cpu().numpy()
        kept = self._kept(shown, raw, confidence)
        self.values = {
            "confidence": float(confidence.mean()),
            "focal": intrinsics.fx,
            "depth": float(np.median(pointmap[..., 2])),
            "kept": float(kept.mean()),
        }
        return Prediction(
            frame_index=shown.index,
            timestamp=shown.timestamp,
            pointmap=pointmap.astype(np.float32),
            confidence=np.where(kept, confidence, 0).astype(np.float32),
            # The quaternion's length is anything: the matrix of it is a rotation all the same.
            T_world_camera=orthonormalised(pose_matrix(raw.poses[-1].double())[0].cpu().numpy()),
            intrinsics=intrinsics,
            image=np.ascontiguousarray(shown.image),
            is_metric=self.is_metric,
            segment=self._segment,
            descriptor=raw.descriptor[0].float().cpu().numpy(),
        )

    def _kept(self, shown: _Shown, raw: FramePrediction, confidence: np.ndarray) -> np.ndarray:
        """bool (H, W): points worth mapping, by the published filter and the user's threshold."""
        assert self._layout is not None
        depth = raw.pointmap[..., 2].float()
        kept = kept_points(depth, self.options.edge, self.options.farthest)[0].cpu().numpy()
        kept &= inside(self._layout) & (confidence >= self.options.min_confidence)
        if not kept.any() and not self._said_empty:
            self._said_empty = True
            logger.warning(
                "frame %d and perhaps others: not one point is kept, all are at depth edges or too "
                "far; wint3r.edge=0 keeps edges",
                shown.index,
            )
        return kept

    def _intrinsics(self, shown: _Shown, raw: FramePrediction) -> Intrinsics:
        """The user's camera at the network's size; else the focal length the pointmap implies."""
        assert self._layout is not None
        if shown.intrinsics is not None and self.options.use_calibration:
            return self._layout.intrinsics(shown.intrinsics)
        return pointmap_camera(raw.pointmap)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self.options.bfloat16)


def compile_blocks(model: Wint3r) -> None:
    """Compile the transformer blocks, which is where the kernels are small and many."""
    for module in model.modules():
        if isinstance(module, EncoderBlock | DecoderBlock | WindowBlock):
            module.compile()


def _stream_options(options: Wint3rOptions, model: Wint3r) -> StreamOptions:
    """A window is a block of the camera pool: so it is published for windows of 4, and in the
    authors' training code for all. No pose of an old window changes then."""
    window = options.window or model.config.window_size
    return StreamOptions(
        window=window,
        stride=options.stride,
        first_pose=options.low_latency,
        precision=RotaryPrecision(options.rotary),
        pool=PoolOptions(block=window, limit=options.pool_slots),
    )

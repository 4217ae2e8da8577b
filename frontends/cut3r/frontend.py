"""CUT3R as a frontend: a recurrent state of constant size, one prediction a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse, orthonormalised, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import RolloutPair, TrackingState
from mapper.frontends.cut3r.loading import load_cut3r
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.options import VARIANTS, Cut3rOptions
from mapper.frontends.cut3r.pose_encoding import pose_matrix
from mapper.frontends.cut3r.preprocess import Layout, as_tensor, preprocessed
from mapper.frontends.cut3r.rollouts import rollout_pairs
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState
from mapper.frontends.cut3r.stepping import (
    FRAME_BY_FRAME,
    FRAME_BY_FRAME_TTT3R,
    Rollout,
    StepOptions,
)
from mapper.frontends.cut3r.update_rules import (
    AttentionRule,
    DampedRule,
    ReplaceRule,
    TemporalSpatialRule,
    UpdateRule,
)
from mapper.frontends.device import choose_device
from mapper.frontends.layers.block import DecoderBlock, EncoderBlock
from mapper.frontends.pointmap_camera import pointmap_camera
from mapper.weights.registry import resolve_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Variant:
    """An update rule and the frame loop that it was published with."""

    rule: UpdateRule
    rollout: Rollout


class Cut3rFrontend:
    """One of the CUT3R systems, told apart by the rule that updates the state.

    Source: Wang et al., CUT3R, 2025; the rules of TTT3R and TTSA3R, 2025.
    """

    is_metric = True

    def __init__(self, name: str, options: Cut3rOptions, weights: str | None = None) -> None:
        self.name = name
        self.options = options
        self.weights = resolve_weights(weights or None, name)
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        variant = _variant(name, options.damping)
        self._step_options = StepOptions(variant.rule, variant.rollout, world=options.cross_view)
        self._device = choose_device(options.device, "cut3r.device")
        self._model = load_cut3r(self.weights).to(self._device)
        self._image_size = options.image_size or _native_size(self._model)
        if options.compile:
            compile_blocks(self._model)
        self._segment = -1
        self._prepared: dict[int, np.ndarray] = {}  # a few frames ahead of step, no more
        self.reset()
        logger.info(
            "%s: %s on %s, images at %d", name, self.weights, self._device, self._image_size
        )

    def reset(self) -> None:
        """Forget the past; the next frame starts a new segment."""
        self._segment += 1
        self._frames_in_segment = 0
        self._T_world_segment = np.eye(4)
        self._memory: Cut3rState | None = None
        self._layout: Layout | None = None

    def prepare(self, frame: Frame) -> None:
        """Resize and crop a frame ahead of its step."""
        self._prepared[frame.index] = preprocessed(frame.image, self._image_size)

    def flush(self) -> list[Prediction]:
        """Nothing waits inside: every frame is answered at once."""
        return []

    def step(self, frame: Frame) -> list[Prediction]:
        """The frame's prediction; two at a reset, which begins the next segment with it."""
        layout = Layout.of(frame.image.shape[1], frame.image.shape[0], self._image_size)
        if self._layout not in (None, layout):
            raise InputError(
                f"frame {frame.index} is {frame.image.shape[1]}x{frame.image.shape[0]}, unlike the "
                f"frames before it: {self.name} needs frames of one size"
            )
        self._layout = layout
        image = self._prepared.pop(frame.index, None)
        if image is None:
            image = preprocessed(frame.image, self._image_size)
        predictions = self._infer(frame, image)
        every = self.options.reset_every
        if predictions and every and self._frames_in_segment >= every:
            self._begin_segment(predictions[0])
            predictions += self._infer(frame, image)
        return predictions

    def rollout_pairs(
        self, images: Sequence[np.ndarray], progress: Callable[[int], None] | None = None
    ) -> list[RolloutPair]:
        """Pairs of images (h, w, 3), prepared already as those of its predictions are."""
        tensors = [as_tensor(image)[0] for image in images]
        with self._autocast():
            return rollout_pairs(self._model, tensors, self._step_options.rule, progress)

    def _begin_segment(self, last: Prediction) -> None:
        """The state starts anew; the frame that was just seen is its first one too."""
        T_world_segment = last.T_world_camera
        self._memory, self._frames_in_segment = None, 0
        if self.options.chain_resets:
            self._T_world_segment = T_world_segment
        else:
            self._segment += 1

    def _infer(self, frame: Frame, image: np.ndarray) -> list[Prediction]:
        """One step of the network; a prediction that is not finite leaves the state untouched."""
        with torch.inference_mode(), self._autocast():
            state = self._memory or self._model.initial_state(1)
            tensor = as_tensor(image).to(self._device)
            prediction, state = self._model.step(tensor, state, self._step_options)
        if not _finite(prediction):
            logger.warning("frame %d: the network's output is not finite", frame.index)
            self.state, self.values = TrackingState.LOST, {}
            return []
        self._memory = state
        self._frames_in_segment += 1
        self.state = TrackingState.TRACKING
        return [self._to_prediction(frame, image, prediction)]

    def _to_prediction(self, frame: Frame, image: np.ndarray, raw: Cut3rPrediction) -> Prediction:
        assert self._layout is not None
        T_segment_camera = pose_matrix(raw.pose.double().cpu())[0].numpy()
        if raw.pointmap_world is not None and raw.confidence_world is not None:
            T_camera_segment = inverse(orthonormalised(T_segment_camera))
            pointmap = transform(T_camera_segment, _array(raw.pointmap_world))
            confidence = _array(raw.confidence_world)
        else:
            pointmap, confidence = _array(raw.pointmap), _array(raw.confidence)
        confidence = np.where(confidence >= self.options.min_confidence, confidence, 0)
        intrinsics = self._intrinsics(frame, raw)
        if frame.intrinsics is not None and self.options.use_calibration:
            pointmap = backproject(pointmap[..., 2], intrinsics)
        behind = pointmap[..., 2] <= 0  # the dense head can put points there; no camera sees them
        pointmap = np.where(behind[..., None], np.float32(0), pointmap)
        self.values = {
            "confidence": float(confidence.mean()),
            "focal": intrinsics.fx,
            "depth": float(np.median(pointmap[..., 2])),
        }
        return Prediction(
            frame_index=frame.index,
            timestamp=frame.timestamp,
            pointmap=pointmap.astype(np.float32),
            confidence=np.where(behind, 0, confidence).astype(np.float32),
            T_world_camera=orthonormalised(self._T_world_segment @ T_segment_camera),
            intrinsics=intrinsics,
            image=np.ascontiguousarray(image),
            is_metric=True,
            segment=self._segment,
            descriptor=raw.descriptor[0].float().cpu().numpy(),
        )

    def _intrinsics(self, frame: Frame, raw: Cut3rPrediction) -> Intrinsics:
        """The user's camera at the network's size; else the focal length the pointmap implies."""
        assert self._layout is not None
        if frame.intrinsics is not None and self.options.use_calibration:
            return self._layout.intrinsics(frame.intrinsics)
        return pointmap_camera(raw.pointmap)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self.options.bfloat16)


def _variant(name: str, damping: float) -> _Variant:
    if name == "cut3r":
        return _Variant(ReplaceRule(), FRAME_BY_FRAME)
    if name == "cut3r-ttt":
        return _Variant(AttentionRule(), FRAME_BY_FRAME_TTT3R)
    if name == "cut3r-ttsa":
        return _Variant(TemporalSpatialRule(), FRAME_BY_FRAME)
    if name == "cut3r-damped":
        return _Variant(DampedRule(damping), FRAME_BY_FRAME)
    raise ConfigError(f"unknown variant of CUT3R {name!r}; known: {', '.join(VARIANTS)}")


def compile_blocks(model: Cut3r) -> None:
    """Compile the transformer blocks, which is where the kernels are small and many."""
    for module in model.modules():
        if isinstance(module, EncoderBlock | DecoderBlock):
            module.compile()


def _native_size(model: Cut3r) -> int:
    """512 for the dense head, 224 for the linear one, as published."""
    return 512 if model.config.head_type == "dpt" else 224


def _array(batch: torch.Tensor) -> np.ndarray:
    """The only sample of a batch, float32."""
    return batch[0].float().cpu().numpy()


def _finite(prediction: Cut3rPrediction) -> bool:
    return bool(
        torch.isfinite(prediction.pointmap).all()
        and torch.isfinite(prediction.confidence).all()
        and torch.isfinite(prediction.pose).all()
    )

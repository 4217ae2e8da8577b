"""Depth by Depth Anything 3 for predictions whose poses are known better than it knows them.

The network is told the poses, and its depth fitted, view by view, to what the tracker knows of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.depth_noise import LEARNED
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.prediction import Prediction
from mapper.frontends.da3.backbone import OwnTokens
from mapper.frontends.da3.joint import JointDa3
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.da3.preparing import image_size, named_weights, prepared_network
from mapper.frontends.da3.preprocess import Fit, layout_of, preprocessed
from mapper.frontends.device_settings import inference_on
from mapper.frontends.graphs import Graphs
from mapper.frontends.keyframe_loop.cameras import distances
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.loop import share
from mapper.frontends.keyframe_loop.stream import NOMINAL_DEPTH
from mapper.frontends.masking import at_size, masked
from mapper.frontends.precision import choose_precision
from mapper.runtime.torch_device import choose_device
from mapper.weights.registry import resolve_weights

if TYPE_CHECKING:
    from jaxtyping import Float32

logger = logging.getLogger(__name__)

NAME: Final = "da3-posed"
FIT: Final[Fit] = "upper_bound_resize"  # which leaves nothing out
MOST_MASKS: Final = 500  # of frames that are not answered yet
FEWEST: Final = 50  # pixels by which a view's scale is found
LARGEST_SPREAD: Final = 0.3  # of the ratios' logarithm: with more the two do not show the same


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    kept: OwnTokens
    prediction: Prediction


class Deepener:
    """keeps_own: where the tracker has depth, that stays, and the network's fills the rest."""

    def __init__(self, options: Da3Options, weights: str | None, keeps_own: bool) -> None:
        name = named_weights(options, weights)
        path = resolve_weights(name, NAME)
        device = choose_device(options.device, "da3.device", mps=True)
        self._precision = choose_precision(options.precision, device, "da3.precision")
        model = prepared_network(path, options, name, device, self._precision)
        graphs = Graphs(device, options.compile != "off")
        self._joint, self._device = JointDa3(model, graphs=graphs), device
        self._size, self._count = image_size(options, device), options.context
        self._keeps_own, self._least = keeps_own, options.min_confidence
        self._context: list[_Seen] = []
        self._masks: dict[int, np.ndarray] = {}
        self._said = False

    def see(self, frame: Frame) -> None:
        """What the mask of a frame leaves out the network's depth will leave out, too."""
        if frame.mask is not None:
            self._masks[frame.index] = frame.mask
        while len(self._masks) > MOST_MASKS:
            del self._masks[next(iter(self._masks))]

    def deeper(self, prediction: Prediction) -> Prediction:
        """With the network's depth where its scale is found; a pose without points as it is."""
        mask = self._masks.pop(prediction.frame_index, None)
        if not prediction.has_points:
            return prediction
        found = self._depth(prediction)
        if found is None:
            return prediction
        depth, confidence = found
        scale = scale_of(depth, prediction)
        if scale is None:
            if not self._said:
                logger.warning(
                    "frame %d and perhaps others: the network's depth and the tracker's do not go "
                    "together; the tracker's stays",
                    prediction.frame_index,
                )
            self._said = True
            return prediction
        height, width = depth.shape
        filled = self._filled(prediction, scale * depth, confidence)
        return masked(filled, at_size(mask, width, height))

    def _depth(self, prediction: Prediction) -> tuple[np.ndarray, np.ndarray] | None:
        """Depth and confidence at the prediction's size, in a scale of their own."""
        height, width = prediction.image.shape[:2]
        layout = layout_of(width, height, self._size, FIT)
        image = preprocessed(prediction.image, self._size, FIT)
        with inference_on(self._device, self._precision):
            seen = _Seen(self._joint.own(image), prediction)
            views = [*self._with(prediction), seen]
            poses = np.stack([view.prediction.T_world_camera for view in views])
            cameras = [layout.intrinsics(view.prediction.intrinsics) for view in views]
            said = self._joint.posed([view.kept for view in views], poses, cameras)
        self._remember(seen)
        if said is None:
            return None
        depth, confidence = (
            cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR) for each in said
        )
        return depth, confidence

    def _with(self, prediction: Prediction) -> list[_Seen]:
        """Views of the same stretch and size."""
        return [
            seen
            for seen in self._context
            if seen.prediction.segment == prediction.segment
            and seen.prediction.image.shape == prediction.image.shape
        ]

    def _remember(self, seen: _Seen) -> None:
        """For the next views, where it was taken from far enough."""
        prediction = seen.prediction
        unit = NOMINAL_DEPTH / float(np.median(prediction.depth[prediction.confidence > 0]))
        poses = [view.prediction.T_world_camera.copy() for view in self._with(prediction)]
        own = prediction.T_world_camera.copy()
        for T in (*poses, own):
            T[:3, 3] *= unit
        if poses and distances(own[None], np.stack(poses)).min() <= LoopRules().apart:
            return
        self._context = [*self._with(prediction), seen][-self._count :]

    def _filled(
        self, prediction: Prediction, depth: np.ndarray, confidence: np.ndarray
    ) -> Prediction:
        known = prediction.confidence > 0
        sure = np.float32(np.median(prediction.confidence[known])) * share(confidence)
        sure = np.where((depth > 0) & (confidence >= self._least), sure, 0).astype(np.float32)
        points = backproject(depth, prediction.intrinsics)
        if self._keeps_own:
            points = np.where(known[..., None], prediction.pointmap, points)
            sure = np.where(known, prediction.confidence, sure)
        noise = prediction.noise if self._keeps_own else LEARNED
        return replace(prediction, pointmap=points, confidence=sure, noise=noise)


def scale_of(depth: Float32[np.ndarray, "h w"], prediction: Prediction) -> np.float32 | None:
    """By how much depths must grow to be the tracker's; None where they do not go together."""
    known = (prediction.confidence > 0) & (prediction.depth > 0) & (depth > 0)
    if known.sum() < FEWEST:
        return None
    ratios = np.log(prediction.depth[known] / depth[known])
    middle = np.median(ratios)
    spread = 1.4826 * np.median(np.abs(ratios - middle))
    return None if spread > LARGEST_SPREAD else np.float32(np.exp(middle))

"""Frames through the network on its device, by CUDA graphs where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.vggt.aggregator import FrameMixer
from mapper.frontends.vggt.camera_head import CameraMixer
from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True, eq=False)
class FrameStep:
    """is_finite: (), whether the camera and the dense maps are."""

    prediction: VggtPrediction
    is_finite: Bool[Tensor, ""]


class FrameStepper:
    """What is computed of new frames, but for their attention to others, which interrupts it.

    With graphs, the prediction is without the layers that only tracks are made of.
    """

    def __init__(self, model: Vggt, graphs: Graphs | None = None) -> None:
        self._model = model
        self._graphs = graphs or Graphs(torch.device("cpu"), wanted=False)

    def step(
        self,
        images: Float[Tensor, "b s 3 h w"],
        frames: FrameMixer,
        cameras: CameraMixer,
        heads: Heads,
        anchored: bool,
        measured: bool = False,
    ) -> FrameStep:
        """images: in [0, 1], on the device. anchored: the first is the sequence's first frame.
        measured: tell the lengths of feed-forward residuals, too."""

        def computed(mixers: Mapping[str, Mixer], images: Tensor) -> FrameStep:
            aggregated = self._model.aggregator(images, mixers["frames"], anchored, measured)
            prediction = self._model.read(aggregated, mixers["cameras"], heads)
            sound = is_finite(prediction)
            if self._graphs.wanted:
                prediction = replace(prediction, aggregated=replace(aggregated, taps={}))
            return FrameStep(prediction, sound)

        mixers: dict[str, Mixer] = {"frames": frames, "cameras": cameras}
        key = (images.shape, anchored, heads, measured)
        return self._graphs.run(key, computed, [images], mixers)


def is_finite(prediction: VggtPrediction) -> Bool[Tensor, ""]:
    """Whether the camera and the dense maps are; to be asked once, for a GPU is waited for."""
    maps = (
        prediction.pose_encoding,
        prediction.depth,
        prediction.depth_confidence,
        prediction.points,
        prediction.points_confidence,
    )
    return torch.stack([m.isfinite().all() for m in maps if m is not None]).all()

"""Frames through the network on its device, by CUDA graphs where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.vggt.aggregator import FrameMixer
from mapper.frontends.vggt.cache.cached_attention import FixedCameras, FixedFrames
from mapper.frontends.vggt.cache.frame_memory import FrameMemory
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

    In a window that is full nothing interrupts: `whole`. With graphs, the prediction is without the
    layers that only tracks are made of.
    """

    def __init__(self, model: Vggt, graphs: Graphs | None = None) -> None:
        self._model = model
        self._holds_cache = False
        self._graphs = graphs or Graphs(torch.device("cpu"), wanted=False)

    @property
    def uses_graphs(self) -> bool:
        """Whether there are any."""
        return self._graphs.wanted

    def forget(self) -> None:
        """All graphs: weights or a cache that they read go."""
        self._graphs.forget()
        self._holds_cache = False

    def forget_cache(self) -> None:
        """Graphs that read a cache, which goes."""
        if self._holds_cache:
            self.forget()

    def step(
        self,
        images: Float[Tensor, "b s 3 h w"],
        frames: FrameMixer,
        cameras: CameraMixer,
        heads: Heads,
        anchored: bool,
        measured: bool = False,
        by_graphs: bool = True,
    ) -> FrameStep:
        """images: in [0, 1], on the device. anchored: the first is the sequence's first frame.
        measured: tell the lengths of feed-forward residuals, too. by_graphs: where there are any.
        """

        def computed(mixers: Mapping[str, Mixer], images: Tensor) -> FrameStep:
            aggregated = self._model.aggregator(images, mixers["frames"], anchored, measured)
            prediction = self._model.read(aggregated, mixers["cameras"], heads)
            sound = is_finite(prediction)
            if self._graphs.wanted:
                prediction = replace(prediction, aggregated=replace(aggregated, taps={}))
            return FrameStep(prediction, sound)

        mixers: dict[str, Mixer] = {"frames": frames, "cameras": cameras}
        if not by_graphs:
            return computed(mixers, images)
        key = (images.shape, anchored, heads, measured)
        return self._graphs.run(key, computed, [images], mixers)

    def whole(
        self, images: Float[Tensor, "b 1 3 h w"], memory: FrameMemory, heads: Heads
    ) -> FrameStep | None:
        """The same of a later frame in a full window, as one graph; None where it is not full."""
        frame, camera = memory.frames.place(), memory.cameras.place()
        if frame is None or camera is None:
            return None

        def computed(_: Mapping[str, Mixer], images: Tensor, *places: Tensor) -> FrameStep:
            frames = FixedFrames(memory.frames, places[0])
            cameras = FixedCameras(memory.cameras, places[1])
            return self.step(images, frames, cameras, heads, anchored=False, by_graphs=False)

        self._holds_cache = True
        key = (images.shape, heads, "whole")
        return self._graphs.run(key, computed, [images, frame, camera])


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

"""A frame through CUT3R on its device, from pixels to what the host is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.preprocess import as_tensor
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.pointmap_camera import focal_of

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class FrameStep:
    """focal: (1,) pixels, of the camera that the pointmap implies; None where nobody asks."""

    prediction: Cut3rPrediction
    state: Cut3rState
    focal: Float[Tensor, 1] | None


@dataclass(frozen=True, slots=True, eq=False)
class FrameStepper:
    """One frame after the other, by CUDA graphs where there are any."""

    model: Cut3r
    options: StepOptions
    graphs: Graphs

    def step(
        self,
        pixels: UInt8[Tensor, "h w 3"],
        state: Cut3rState,
        focal: bool,
        rays: Float[Tensor, "1 h w 6"] | None = None,
    ) -> FrameStep:
        """pixels, rays: on the device. focal: whether the camera is asked for. rays: of the camera,
        where its pose is known."""
        shown = [pixels] if rays is None else [pixels, rays]

        def computed(_: Mapping[str, Mixer], *tensors: Tensor) -> FrameStep:
            before = with_tensors(state, tensors[len(shown) :])
            view = StreamInput(
                image=as_tensor(tensors[0]),
                ray_map=None if rays is None else tensors[1],
                ray_mask=torch.full((1,), rays is not None),
            )
            prediction, after = self.model.step(view, before, self.options)
            return FrameStep(prediction, after, focal_of(prediction.pointmap) if focal else None)

        masks = (*state.learned_pose.tolist(), *state.plain_gate.tolist(), len(shown))
        key = (pixels.shape, masks, state.candidate is None, len(state.rule), focal)
        return self.graphs.run(key, computed, [*shown, *tensors_of(state)])


def tensors_of(state: Cut3rState) -> list[Tensor]:
    """What of a state is on the device."""
    parts = (state.tokens, state.memory, state.candidate, state.features)
    return [part for part in (*parts, *state.rule) if part is not None]


def with_tensors(state: Cut3rState, tensors: tuple[Tensor, ...]) -> Cut3rState:
    """The state with these for `tensors_of` it."""
    tokens, memory, *rest = tensors
    if not rest:
        return replace(state, tokens=tokens, memory=memory)
    candidate, features, *rule = rest
    seen = replace(state, tokens=tokens, memory=memory, candidate=candidate, features=features)
    return replace(seen, rule=tuple(rule))

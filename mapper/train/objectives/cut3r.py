"""CUT3R in training: whole sequences, or long ones in chunks of which the last are trained.

Source: Wang et al., "Continuous 3D Perception Model with Persistent State", CVPR 2025, as published
with its code; sections 2 and 8.4 of the training specification.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from mapper.frontends.cut3r.model import Cut3r, blend, gate_of
from mapper.frontends.cut3r.pose_encoding import pose_matrix
from mapper.frontends.cut3r.rays import ray_maps
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import StepOptions, whole_sequence
from mapper.frontends.cut3r.update_rules import ReplaceRule
from mapper.frontends.layers.encoded import Encoded
from mapper.train.batch import TrainingBatch
from mapper.train.losses.cut3r import Cut3rCriterion, cut3r_loss
from mapper.train.losses.cut3r_units import Cut3rOutput
from mapper.train.losses.terms import Loss
from mapper.train.objectives.emphasis import AS_PUBLISHED, Emphasis
from mapper.train.objectives.objective import FULL, MixedPrecision, Seen

BY_KIND: Final = Cut3rCriterion()
CHUNK: Final = 4  # views that are decoded before the state's past is forgotten
TRAINED: Final = 4  # chunks at the end of a long sequence that have gradients


@dataclass(frozen=True, slots=True)
class Cut3rObjective:
    """long: images and the initial state are encoded without gradients, the state between chunks
    carries none, and all but the last chunks are only looked at: a sequence of any length fits."""

    model: Cut3r
    criterion: Cut3rCriterion = BY_KIND
    long: bool = False
    precision: MixedPrecision = FULL
    emphasis: Emphasis = AS_PUBLISHED

    def __call__(self, batch: TrainingBatch) -> Iterator[Loss]:
        """One loss, or one of each chunk of a long sequence."""
        if self.long:
            yield from self._of_chunks(batch)
            return
        with self.precision.trunk(self.model.device):
            views = encoded_views(self.model, batch)
            state = self.model.initial_state(len(batch.images))
            output, _ = self._decoded(views, state, batch)
        yield self.emphasis.of(cut3r_loss(output, batch, self.criterion), "poses", batch)

    def seen(self, batch: TrainingBatch) -> Seen:
        """View after view, in one go however long the sequence is."""
        with self.precision.trunk(self.model.device):
            views = encoded_views(self.model, batch)
            output, _ = self._decoded(views, self.model.initial_state(len(batch.images)), batch)
        assert output.own_points is not None
        return Seen(output.own_points[..., 2], pose_matrix(output.cameras))

    def _of_chunks(self, batch: TrainingBatch) -> Iterator[Loss]:
        count = batch.images.shape[1]
        starts = range(0, count, CHUNK)
        with torch.no_grad(), self.precision.trunk(self.model.device):
            views = encoded_views(self.model, batch)
            state = self.model.initial_state(len(batch.images))
        first = batch.T_world_camera[:, 0]
        for number, start in enumerate(starts):
            part = batch.views(slice(start, start + CHUNK))
            trained = number >= len(starts) - TRAINED and torch.is_grad_enabled()
            with torch.set_grad_enabled(trained), self.precision.trunk(self.model.device):
                output, state = self._decoded(views[start : start + CHUNK], state, part)
            with torch.set_grad_enabled(trained):
                loss = cut3r_loss(output, part, self.criterion, first)
            state = _without_past(state)
            yield replace(loss, share=1 / len(starts))

    def _decoded(
        self, views: Sequence[Encoded], state: Cut3rState, batch: TrainingBatch
    ) -> tuple[Cut3rOutput, Cut3rState]:
        """What the network says of views one after the other, and the state they leave."""
        said = []
        for number, encoded in enumerate(views):
            prediction, state = step_encoded(self.model, encoded, state, _masks(batch, number))
            said.append(prediction)
        return _output(said), state


def encoded_views(model: Cut3r, batch: TrainingBatch) -> list[Encoded]:
    """All views at once; those without an image or rays get the learned tokens in their place."""
    count = batch.images.shape[1]
    shows_rays = batch.shows_rays
    any_rays = shows_rays is not None and bool(shows_rays.any())
    rays = None
    if shows_rays is not None and any_rays:
        size = (batch.images.shape[-2], batch.images.shape[-1])
        rays = ray_maps(batch.T_world_camera, batch.intrinsics, size).flatten(0, 1)
    view = StreamInput(
        image=batch.images.flatten(0, 1),
        ray_map=rays,
        image_mask=batch.shows_image.flatten(),
        ray_mask=shows_rays.flatten() if shows_rays is not None and any_rays else None,
    )
    encoded = model.encode(view, whole_sequence(any_rays))
    features = encoded.features.unflatten(0, (-1, count))
    return [Encoded(each, encoded.grid) for each in features.unbind(1)]


def step_encoded(
    model: Cut3r, encoded: Encoded, state: Cut3rState, view: StreamInput
) -> tuple[Cut3rPrediction, Cut3rState]:
    """One view of every sequence, all heads. view: only its masks are looked at."""
    rule, options = ReplaceRule(), StepOptions(world=True, rgb=model.config.rgb_head)
    decoded = model.decode(encoded, state)
    with FULL.heads(model.device):
        prediction = model.predict(encoded, decoded, options)
    change = model.change(view, encoded, decoded, state, None)
    memory = state.memory
    if bool(view.permission.any()):
        memory = model.written_memory(encoded, decoded, state)
    after = blend(state, change, gate_of(rule, change, state), memory)
    return prediction, model.after_reset(after, view, whole_sequence(any_ray_map=False))


def _masks(batch: TrainingBatch, number: int) -> StreamInput:
    resets = None if batch.resets is None else batch.resets[:, number]
    image = batch.images[:, number]
    return StreamInput(image=image, image_mask=batch.shows_image[:, number], reset=resets)


def _output(said: Sequence[Cut3rPrediction]) -> Cut3rOutput:
    def joined(name: str) -> Tensor | None:
        values = [getattr(each, name) for each in said]
        return None if values[0] is None else torch.stack(values, 1)

    names = ("pointmap_world", "confidence_world", "pose", "pointmap", "confidence", "rgb")
    points, confidence, cameras, own, own_confidence, colors = map(joined, names)
    assert points is not None and confidence is not None and cameras is not None
    return Cut3rOutput(points, confidence, cameras, own, own_confidence, colors)


def _without_past(state: Cut3rState) -> Cut3rState:
    """The same numbers, through which no gradient goes back."""
    candidate = None if state.candidate is None else state.candidate.detach()
    features = None if state.features is None else state.features.detach()
    return replace(
        state,
        tokens=state.tokens.detach(),
        memory=state.memory.detach(),
        candidate=candidate,
        features=features,
    )

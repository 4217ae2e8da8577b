"""CUT3R over whole sequences of views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import StepOptions


def stream(
    model: Cut3r, views: Iterable[StreamInput], options: StepOptions | None = None
) -> Iterator[Cut3rPrediction]:
    """Predictions of a whole sequence, one at a time; only the state is kept."""
    state: Cut3rState | None = None
    for view in views:
        if state is None:
            state = model.initial_state(view.batch)
        prediction, state = model.step(view, state, options)
        yield prediction


def revisited(views: Sequence[StreamInput], passes: int, update: bool) -> Iterator[StreamInput]:
    """The views `passes` times over; later passes write to the state only with `update`."""
    for number in range(passes):
        for view in views:
            if number == 0 or update:
                yield view
            else:
                yield replace(view, update=torch.zeros(view.batch, dtype=torch.bool))

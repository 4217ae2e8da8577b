"""A camera that was lost and comes back to a place that it has seen, or to one that it has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from tests.frontends.mono.test_frontend import ate, colour

FIRST, SEEN, DARK, AFTERWARDS = 60, 50, 10, 18
AGAIN = range(FIRST + 4, FIRST + 4 + AFTERWARDS)  # of the walk: seen, but not where it was lost
ELSEWHERE = range(FIRST + 140, FIRST + 140 + AFTERWARDS)  # never seen
NO_DEPTH = MonoConfig(depth_every=1000, depth_width=160, planes=8)


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


def mapped(
    walk: Sequence, then: range, share: float = 1.0
) -> tuple[list[Prediction], list[TrackingState]]:
    """Some of the walk, black images, and some of it again, of which so much a side shows."""
    seen = colour(walk, range(FIRST, FIRST + SEEN))
    black = [replace(seen[0], image=np.zeros_like(seen[0].image))] * DARK
    again = [replace(frame, image=frame.image.copy()) for frame in colour(walk, then)]
    for frame in again:
        frame.image[round(share * 240) :] = frame.image[:, round(share * 320) :] = 0
    frames = [*seen, *black, *again]
    frontend, found, states = MonoFrontend(NO_DEPTH), list[Prediction](), []
    for index, frame in enumerate(frames):
        found += frontend.step(replace(frame, index=index))
        states.append(frontend.state)
    return found + frontend.flush(), states


def test_a_place_seen_before_is_found_again_and_the_map_goes_on(walk: Sequence) -> None:
    found, states = mapped(walk, AGAIN)
    back = SEEN + DARK
    assert set(states[SEEN:back]) == {TrackingState.LOST}
    assert TrackingState.RELOCALISED in states[back : back + 3]
    assert set(states[back + 3 :]) <= {TrackingState.TRACKING, TrackingState.RELOCALISED}
    assert {p.segment for p in found} == {0}
    placed = [p for p in found if p.frame_index >= back]
    assert len(placed) >= AFTERWARDS - 2 and len(found) - len(placed) == SEEN
    at = [replace(p, frame_index=p.frame_index - back + AGAIN[0] - FIRST) for p in placed]
    before = [p for p in found if p.frame_index < SEEN]
    assert ate([*before, *at], walk, FIRST) < 0.01


@pytest.mark.parametrize(("then", "share"), [(ELSEWHERE, 1.0), (AGAIN, 0.5)])
def test_a_place_never_seen_or_that_little_shows_of_is_not_guessed(
    walk: Sequence, then: range, share: float
) -> None:
    found, states = mapped(walk, then[:6], share)
    assert set(states[SEEN:]) == {TrackingState.LOST}
    assert {p.frame_index for p in found} == set(range(SEEN))

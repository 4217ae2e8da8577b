"""Pairs of views are sorted by angle, and what a matcher makes of them is counted."""

from __future__ import annotations

import numpy as np
import pytest
from features.revisits import UNRELATED, Pair, Trial, Views, table, within

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.geometry import exp_se3
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room


@pytest.fixture(scope="module")
def views(room: Room) -> Views:
    """Frames 0 and 4 see the same, 120 the other side of the room."""
    predictions, maps = {index: room.prediction(index) for index in (0, 4, 120)}, MapCache(None, 4)
    for index, prediction in predictions.items():
        maps.put(index, KeyframeMap.of(prediction))
    return Views(predictions, maps)


def test_pairs_are_told_apart_by_what_they_share(views: Views, room: Room) -> None:
    pairs = {(pair.i, pair.j): pair for pair in views.pairs(10)}
    assert pairs[0, 4].group == "0-15" and pairs[0, 120].group == UNRELATED
    np.testing.assert_allclose(pairs[0, 4].T_i_j, room.relative(0, 4), atol=1e-9)
    assert len(views.pairs(1)) == 2


def test_right_loops_are_counted_and_wrong_ones(views: Views, room: Room) -> None:
    trial, right = Trial(OrbMatcher()), room.relative(0, 4)
    off = right @ exp_se3(np.array([0, 0, 0, 0.2, 0, 0]))
    trial.take(views, [Pair(0, 4, right, "0-15"), Pair(0, 4, off, "0-15")])
    trial.take(views, [Pair(0, 120, np.eye(4), UNRELATED)])
    score = trial.scores["0-15"]
    assert (score.pairs, score.verified, score.placed, score.wrong) == (2, 1, 1, 1)
    assert (trial.scores[UNRELATED].pairs, trial.scores[UNRELATED].wrong) == (1, 0)
    lines = list(table("room", [trial]))
    assert any(line.startswith("| 0-15, 2 | orb | 50 % | 0 % | 50 % | 1 | 0 |") for line in lines)
    assert any(line.startswith("| unrelated, 1 | orb | - | - | - | 0 | 0 |") for line in lines)


def test_both_bounds_count() -> None:
    turned = exp_se3(np.array([0, 0, np.radians(4.0), 0.04, 0, 0]))
    assert within(turned, np.eye(4), (0.05, 5.0))
    assert not within(turned, np.eye(4), (0.03, 5.0))
    assert not within(turned, np.eye(4), (0.05, 3.0))

"""Edges between views of bare walls claim nothing along them."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.loops.held_alignment import held_alignment
from mapper.backend.loops.second_opinion import ViewPair
from mapper.core.geometry import exp_se3
from mapper.vision.dense_alignment import AlignmentConfig, align
from tests.support.room_views import Room, pyramid_of
from tests.support.views.bare_walls import wall

CONFIG = AlignmentConfig(iterations=(4, 8, 10), max_distance=0.1)


def bare(seed: int, turned: float) -> ViewPair:
    return ViewPair(None, None, wall(2 * seed, 0.0), wall(2 * seed + 1, turned))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_along_a_bare_wall_an_edge_stays_where_it_was_and_claims_nothing(seed: int) -> None:
    turned = np.radians(2.0)
    pair, start = bare(seed, turned), exp_se3(np.array([0, turned, 0, 0, 0, 0]))
    free = align(pair.a, pair.b, start, CONFIG)
    held = held_alignment(pair, free, start, CONFIG)
    assert np.sqrt(np.linalg.eigvalsh(held.covariance[3:, 3:])[-1]) > 0.5
    assert np.linalg.norm(held.S_reference_source[:3, 3]) < 0.01
    towards_the_wall = np.sqrt(held.covariance[5, 5])
    assert towards_the_wall < 0.01


def test_what_is_known_of_the_start_is_what_it_claims_there() -> None:
    turned = np.radians(2.0)
    pair, start = bare(0, turned), exp_se3(np.array([0, turned, 0, 0, 0, 0]))
    free = align(pair.a, pair.b, start, CONFIG)
    held = held_alignment(pair, free, start, CONFIG, (0.01, 0.02))
    sigma = np.sqrt(np.linalg.eigvalsh(held.covariance[3:, 3:])[-1])
    assert 0.01 < sigma < 0.03


def test_a_room_full_of_things_is_aligned_as_before(room: Room) -> None:
    pair = ViewPair(None, None, pyramid_of(room.frame(0)), pyramid_of(room.frame(4)))  # type: ignore[arg-type]
    free = align(pair.a, pair.b, room.relative(0, 4), CONFIG)
    assert held_alignment(pair, free, room.relative(0, 4), CONFIG) is free

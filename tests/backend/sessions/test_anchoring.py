"""Sessions are placed in one world, each as rigid as it came."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.sessions.anchoring import anchored
from mapper.backend.sessions.session import Session
from mapper.core.geometry import pose
from mapper.core.sim3 import exp_sim3, inverse_similarity, scale_of, similarity

LINE = [pose(np.eye(3), np.array([0.5 * k, 0, 0])) for k in range(4)]
PLACES = [
    np.eye(4),
    exp_sim3(np.array([0, 0.5, 0, 1.0, 0, 2.0, 0])),
    similarity(0.4, exp_sim3(np.array([0.3, 0, 0, -1.0, 0.5, 0, 0]))),
]


def session(number: int) -> Session:
    """Four keyframes along the x axis of its own world."""
    poses = {4 * number + k: T for k, T in enumerate(LINE)}
    return Session(f"run{number}", [], poses, [], is_metric=number < 2)


SESSIONS = [session(number) for number in range(3)]


def met(a: int, b: int, *pairs: tuple[int, int]) -> list[Edge]:
    """Right encounters between the keyframes i of one session and j of another."""
    edges = []
    for i, j in pairs:
        S = inverse_similarity(PLACES[a] @ LINE[i]) @ PLACES[b] @ LINE[j]
        edges.append(Edge(4 * a + i, 4 * b + j, S, 1e4 * np.eye(7), EdgeKind.LOOP))
    return edges


def test_every_session_gets_place_and_scale() -> None:
    free = frozenset({(0, 2), (1, 2)})
    tied = {(0, 1): met(0, 1, (0, 1), (2, 2)), (1, 2): met(1, 2, (1, 0), (3, 1))}
    found = anchored(SESSIONS, tied, free)
    for number, S in enumerate(PLACES):
        np.testing.assert_allclose(found[number], S, atol=1e-6)


def test_a_scale_that_is_not_free_does_not_bend_the_rest() -> None:
    """What is known of two units is taken at its word: half the encounters err in scale."""
    edges = met(0, 1, (0, 1), (2, 2), (3, 0), (1, 3))
    bad = [replace(e, S_i_j=similarity(1.05, e.S_i_j)) for e in edges[:2]]
    freed = anchored(SESSIONS[:2], {(0, 1): [*bad, *edges[2:]]}, frozenset({(0, 1)}))
    assert 1.0 < scale_of(freed[1]) < 1.05
    right = anchored(SESSIONS[:2], {(0, 1): edges}, frozenset())
    assert scale_of(right[1]) == pytest.approx(1.0, abs=1e-9)


def test_a_session_that_nothing_ties_is_not_placed() -> None:
    assert set(anchored(SESSIONS, {(0, 1): met(0, 1, (0, 1))}, frozenset())) == {0, 1}

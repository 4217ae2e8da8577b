"""Encounters of two sessions agree where they put one in the same place of the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.sessions.agreement import Agreement, agreement
from mapper.core.geometry import pose
from mapper.core.sim3 import exp_sim3, inverse_similarity, similarity
from tests.support.room_views import Room, keyframe_of

EARLIER, LATER = range(4), range(4, 8)
# Where the later session's world lies in the earlier one's: turned, away, half as large.
S_EARLIER_LATER = similarity(0.5, exp_sim3(np.array([0.2, 1.0, 0, 1.0, 2.0, 3.0, 0])))


@pytest.fixture(scope="module")
def later(room: Room) -> dict[int, Keyframe]:
    """Keyframes whose depths count; where they are stands in `poses`."""
    return {k: keyframe_of(k, room.prediction(k), blind=True) for k in LATER}


@pytest.fixture(scope="module")
def poses() -> dict[int, np.ndarray]:
    """Each session along a line of its own world."""
    return {k: pose(np.eye(3), np.array([0.4 * (k % 4), 0, 0])) for k in (*EARLIER, *LATER)}


def met(poses: dict[int, np.ndarray], i: int, j: int, off: float = 0.0) -> Edge:
    """A right encounter, but for so many units along z."""
    S = inverse_similarity(poses[i]) @ S_EARLIER_LATER @ poses[j]
    S[2, 3] += off
    return Edge(i, j, S, np.eye(7), EdgeKind.LOOP)


def ends(edges: Iterable[Edge]) -> set[tuple[int, int]]:
    return {(edge.i, edge.j) for edge in edges}


def test_right_encounters_agree(poses: dict[int, np.ndarray], later: dict[int, Keyframe]) -> None:
    edges = [met(poses, 0, 4), met(poses, 1, 5, 0.02), met(poses, 3, 7)]
    found = agreement(edges, poses, later)
    assert ends(found.edges) == ends(edges) and found.rivals == 0 and found.is_enough


def test_one_wrong_match_joins_nothing(
    poses: dict[int, np.ndarray], later: dict[int, Keyframe]
) -> None:
    assert not agreement([met(poses, 0, 4, 3.0)], poses, later).is_enough
    edges = [met(poses, 0, 4), met(poses, 1, 5), met(poses, 3, 7), met(poses, 2, 6, 3.0)]
    found = agreement(edges, poses, later)
    assert ends(found.edges) == ends(edges[:3]) and found.rivals == 1


def test_what_one_view_says_again_and_again_is_not_several(
    poses: dict[int, np.ndarray], later: dict[int, Keyframe]
) -> None:
    edges = [met(poses, i, 4) for i in EARLIER]
    found = agreement(edges, poses, later)
    assert len(found.edges) == 4 and not found.is_enough


def test_two_places_that_fit_as_well_are_none(
    poses: dict[int, np.ndarray], later: dict[int, Keyframe]
) -> None:
    here = [met(poses, k, k + 4) for k in EARLIER]
    there = [met(poses, k, (k + 1) % 4 + 4, 3.0) for k in EARLIER]
    assert agreement(here, poses, later).is_enough
    assert not agreement([*here, *there], poses, later).is_enough


def test_what_would_look_as_right_elsewhere_is_no_witness(
    poses: dict[int, np.ndarray], later: dict[int, Keyframe]
) -> None:
    edges = [met(poses, k, k + 4).doubted(np.eye(7)) for k in EARLIER]
    assert agreement(edges, poses, later) == Agreement()

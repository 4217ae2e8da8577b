"""Pairs are proposed where the graph or the looks say so, and not the same one twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import (
    MAX_COMPARED,
    Candidate,
    CandidateConfig,
    CandidateFinder,
    in_reach,
    reach_of,
)
from mapper.core.geometry import exp_se3, pose
from mapper.core.sim3 import similarity
from tests.support.room_views import Room, keyframe_of

ROOM_REACH = 4.0  # units
RECENT_ONE = CandidateConfig(recent=1)


def facing(x: float, degrees: float = 0.0) -> np.ndarray:
    T = exp_se3(np.array([0, np.radians(degrees), 0, 0, 0, 0]))
    T[0, 3] = x
    return T


def proposed(
    room: Room,
    frames: list[int],
    config: CandidateConfig = RECENT_ONE,
    poses: dict[int, np.ndarray] | None = None,
    descriptors: np.ndarray | None = None,
    blind: bool = False,
) -> list[Candidate]:
    """For the last of `frames`; poses: instead of the true ones."""
    finder, maps, keyframes = CandidateFinder(config), MapCache(None, 20), list[Keyframe]()
    for k, index in enumerate(frames):
        prediction = room.prediction(index)
        if descriptors is not None:
            prediction = replace(prediction, descriptor=descriptors[k])
        maps.put(k, KeyframeMap.of(prediction))
        keyframes.append(keyframe_of(k, prediction, blind))
        if k < len(frames) - 1:
            finder.remember(keyframes[-1])
    if poses is None:
        poses = {k: room.relative(frames[0], index) for k, index in enumerate(frames)}
    return finder.propose(keyframes[-1], poses, maps)


def test_a_revisited_place_is_proposed_by_proximity(room: Room) -> None:
    found = proposed(room, [0, 120, 236], blind=True)
    assert found == [Candidate(0, EdgeKind.LOOP, "proximity")]


def test_a_recent_one_that_shares_the_view_is_covisible(room: Room) -> None:
    found = proposed(room, [0, 3, 6], CandidateConfig(), blind=True)
    assert found == [Candidate(0, EdgeKind.COVISIBILITY, "overlap")]


def test_the_predecessor_is_left_to_the_odometry(room: Room) -> None:
    assert proposed(room, [0, 2]) == []
    assert all(c.i != 1 for c in proposed(room, [0, 3, 6]))


def test_a_look_alike_is_proposed_wherever_the_graph_believes_it_to_be(room: Room) -> None:
    far = {0: facing(0), 1: facing(50), 2: facing(100)}
    assert Candidate(0, EdgeKind.LOOP, "appearance") in proposed(room, [0, 120, 236], poses=far)


def test_a_look_alike_of_another_world_is_proposed(room: Room) -> None:
    found = proposed(room, [0, 120, 236], CandidateConfig(), poses={2: np.eye(4)})
    assert Candidate(0, EdgeKind.LOOP, "appearance") in found


def test_a_recent_look_alike_in_the_same_world_is_none(room: Room) -> None:
    apart = {0: facing(0), 1: facing(50), 2: facing(100)}
    assert proposed(room, [0, 120, 236], CandidateConfig(recent=5), poses=apart) == []


def test_a_pair_is_proposed_once(room: Room) -> None:
    descriptors = np.ones((3, 8), np.float32)
    found = proposed(room, [0, 120, 236], descriptors=descriptors)
    assert sorted(c.i for c in found) == sorted({c.i for c in found})
    assert found[0] == Candidate(0, EdgeKind.LOOP, "proximity")


def test_the_frontends_descriptor_finds_what_features_do_not(room: Room) -> None:
    descriptors = np.eye(4, 8, dtype=np.float32)
    descriptors[3] = descriptors[0]
    apart = {k: facing(50 * k) for k in range(4)}
    found = proposed(room, [0, 60, 120, 236], poses=apart, descriptors=descriptors, blind=True)
    assert found[0] == Candidate(0, EdgeKind.LOOP, "descriptor")


def test_each_kind_is_bounded(room: Room) -> None:
    frames = [0, 1, 2, 3, 4, 5, 6, 7]
    config = CandidateConfig(recent=3, max_covisible=1, max_loops=2, max_retrieved=0)
    found = proposed(room, frames, config)
    assert [c.kind for c in found] == [EdgeKind.COVISIBILITY, EdgeKind.LOOP, EdgeKind.LOOP]


def test_more_overlap_comes_first(room: Room) -> None:
    found = proposed(room, [0, 10, 2, 60, 5], blind=True)
    assert found[0].i == 2 and {c.i for c in found} == {0, 1, 2}


def test_the_scale_of_a_keyframe_does_not_matter_where_its_units_are_scaled_too(
    room: Room,
) -> None:
    """Half the depth at twice the scale is the same place."""
    finder, maps = CandidateFinder(RECENT_ONE), MapCache(None, 20)
    poses = {k: room.relative(0, index) for k, index in enumerate((0, 120, 236))}
    for k, index in enumerate((0, 120, 236)):
        prediction = room.prediction(index)
        if k == 0:
            prediction = replace(prediction, pointmap=prediction.pointmap * np.float32(0.5))
        maps.put(k, KeyframeMap.of(prediction))
    new = keyframe_of(2, room.prediction(236), blind=True)
    assert finder.propose(new, poses, maps) == []
    poses[0] = similarity(2.0, poses[0])
    assert finder.propose(new, poses, maps) == [Candidate(0, EdgeKind.LOOP, "proximity")]


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (facing(0.9 * ROOM_REACH), True),
        (facing(1.1 * ROOM_REACH), False),
        (facing(0, 70), True),
        (facing(0, 80), False),
        (facing(0, 180), False),
    ],
)
def test_cameras_far_off_or_turned_away_are_not_compared(other: np.ndarray, near: bool) -> None:
    assert in_reach(9, {0: other, 9: np.eye(4)}, ROOM_REACH) == ([0] if near else [])
    scaled = {0: similarity(3.0, other), 9: similarity(0.2, np.eye(4))}
    assert in_reach(9, scaled, ROOM_REACH) == ([0] if near else [])


def test_the_nearest_are_compared_where_there_are_too_many() -> None:
    rng = np.random.default_rng(0)
    xs = rng.permutation(np.linspace(0.01, 0.9 * ROOM_REACH, 3 * MAX_COMPARED))
    poses = {k: pose(np.eye(3), np.array([x, 0, 0])) for k, x in enumerate(xs)}
    new = len(xs) + 1
    found = in_reach(new, {**poses, new: np.eye(4)}, ROOM_REACH)
    assert len(found) == MAX_COMPARED
    assert found == sorted(np.argsort(xs)[:MAX_COMPARED].tolist())


def test_nobody_is_in_reach_of_the_first() -> None:
    assert in_reach(0, {0: np.eye(4)}, ROOM_REACH) == []
    predecessor = {0: np.eye(4), 1: np.eye(4)}  # does not count
    assert in_reach(1, predecessor, ROOM_REACH) == []


@pytest.mark.parametrize(("scale", "seen", "reach"), [(1.0, 4.0, 4.0), (0.5, 20.0, 8.0)])
def test_reach_is_a_share_of_what_is_seen_in_the_worlds_units_and_of_a_room_at_least(
    scale: float, seen: float, reach: float
) -> None:
    maps = MapCache(None, 1, max_depth=seen)
    assert reach_of(3, {3: similarity(scale, facing(1.0, 40))}, maps) == pytest.approx(reach)

"""Sessions of the sample room, one in units of its own, are joined by what both see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.config import BackendConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframe_culling import CullingConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.sessions.anchoring import anchored
from mapper.backend.sessions.contradictions import surfaces_compared
from mapper.backend.sessions.encounters import EncounterSearch
from mapper.backend.sessions.joining import JoinedSessions, cull, joined
from mapper.backend.sessions.meeting import Meeting, agreed_edges, meetings
from mapper.backend.sessions.session import Session
from mapper.core.geometry import inverse
from mapper.core.sim3 import rigid_part, scale_of
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, in_units, keyframe_of

UNITS = 1.4
FIRST = (0, 6, 12, 18)  # frames of the walk
SECOND = (9, 15, 21, 27)
CONFIG = BackendConfig()


def session(
    room: Room, maps: MapCache, frames: tuple[int, ...], first: int, units: float | None
) -> Session:
    """Keyframes of these frames; its world is the first of them."""
    keyframes, poses, edges = [], {}, []
    for k, index in enumerate(frames, first):
        prediction = room.prediction(index, room.relative(frames[0], index))
        if units is not None:
            prediction = in_units(prediction, units)
        keyframes.append(keyframe_of(k, prediction))
        maps.put(k, KeyframeMap.of(prediction))
        poses[k] = prediction.T_world_camera
        if k > first:
            S = inverse(poses[k - 1]) @ poses[k]
            keyframes[-1].T_previous_keyframe = S
            edges.append(Edge(k - 1, k, S, 1e4 * np.eye(7), EdgeKind.ODOMETRY))
    return Session(f"from {frames[0]}", keyframes, poses, edges, is_metric=units is None)


class Joined:
    """Two sessions, what they met by, and the graph of both."""

    def __init__(self, room: Room, units: float | None) -> None:
        self.maps = MapCache(None, 64)
        self.sessions = [
            session(room, self.maps, FIRST, 0, None),
            session(room, self.maps, SECOND, len(FIRST), units),
        ]
        search = EncounterSearch(self.maps, CONFIG.loops, CONFIG.edges, OrbMatcher())
        self.met: list[Meeting] = list(meetings(self.sessions, search))
        free = frozenset({(0, 1)} if self.met[0].is_free else ())
        places = anchored(self.sessions, agreed_edges(self.met), free)
        self.joint: JoinedSessions = joined(self.sessions, self.met, places, search, CONFIG)


@pytest.fixture(scope="module")
def metric(room: Room) -> Joined:
    return Joined(room, None)


def off(room: Room, found: Joined, number: int) -> tuple[float, float]:
    """How far the keyframe of the second session is from its place, metres and degrees."""
    S = found.joint.graph.poses[len(FIRST) + number]
    return distance(rigid_part(S), room.relative(FIRST[0], SECOND[number]))


def test_two_metric_sessions_are_joined_at_scale_one(room: Room, metric: Joined) -> None:
    assert metric.met[0].agreement.is_enough and not metric.joint.graph.free_scale
    for number in range(len(SECOND)):
        metres, degrees = off(room, metric, number)
        assert metres < 0.02 and degrees < 0.5


def test_one_without_a_unit_takes_on_that_of_the_other(room: Room) -> None:
    found = Joined(room, UNITS)
    assert found.met[0].is_free and found.joint.graph.free_scale
    for number in range(len(SECOND)):
        metres, degrees = off(room, found, number)
        assert metres < 0.03 and degrees < 1.0
        S = found.joint.graph.poses[len(FIRST) + number]
        assert scale_of(S) == pytest.approx(1 / UNITS, rel=0.02)
    for number in range(len(FIRST)):  # the depth camera's stay in metres
        assert scale_of(found.joint.graph.poses[number]) == pytest.approx(1.0, abs=1e-5)


def test_where_sessions_are_placed_pairs_are_found_by_place(metric: Joined) -> None:
    earlier = {keyframe.id: keyframe for keyframe in metric.sessions[0].keyframes}
    search = EncounterSearch(metric.maps, CONFIG.loops, CONFIG.edges, OrbMatcher())
    tried = {(0, 4)}
    poses = metric.joint.graph.poses
    found = search.by_place(metric.sessions[1], earlier, poses, frozenset(), tried)
    ends = {(edge.i, edge.j) for edge in found.edges}
    assert {(2, 5), (3, 5)} <= ends <= tried and (0, 4) not in ends
    assert {each.found_by for each in found.decisions} == {"proximity"}
    pairs = [(d.i, d.j) for d in metric.joint.decisions]
    assert len(pairs) == len(set(pairs))


def test_surfaces_bear_out_what_is_right_and_not_what_is_wrong(metric: Joined) -> None:
    first, second = ([k.id for k in each.keyframes] for each in metric.sessions)
    poses = dict(metric.joint.graph.poses)
    assert surfaces_compared(first, second, poses, metric.maps).share > 0.95
    aside = np.eye(4)
    aside[:3, 3] = 0.8, 0.0, 0.5
    poses |= {k: aside @ poses[k] for k in second}
    assert surfaces_compared(first, second, poses, metric.maps).share < 0.6


def test_what_the_other_session_holds_is_culled(room: Room, metric: Joined) -> None:
    found = Joined(room, None)
    config = replace(CONFIG, reuse=CullingConfig(min_covered=0.7, min_shared=0.6))
    cull(found.joint, found.sessions, found.maps, replace(config, reuse=CullingConfig(after=0)))
    assert not found.joint.culled
    cull(found.joint, found.sessions, found.maps, config)
    assert found.joint.culled
    for culled in found.joint.culled:
        assert culled.anchor_id < len(FIRST) <= culled.keyframe.id
        assert culled.keyframe.id not in found.joint.graph.poses
    kept = {keyframe.id for keyframe in found.joint.keyframes}
    assert kept == set(found.joint.graph.poses) and found.joint.graph.is_connected

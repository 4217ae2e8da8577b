"""After a gap features must say where the camera is; surfaces alone fit in too many places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict
from mapper.backend.self_doubt.unconfirmed_joins import UnconfirmedJoin, unconfirmed_joins
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, keyframe_of

SHARED = [SurfaceConflict(0, 1, 0.0, 0.0, 0.0)]


def joins(
    room: Room, frames: tuple[int, int], offset: float = 0.0, edges: Sequence[Edge] = ()
) -> list[UnconfirmedJoin]:
    """Of a map of two keyframes, of which the second is off by so many metres."""
    keyframes = [keyframe_of(k, room.prediction(frame)) for k, frame in enumerate(frames)]
    poses = {k: room.prediction(frame).T_world_camera.copy() for k, frame in enumerate(frames)}
    poses[1][:3, 3] += offset
    return unconfirmed_joins(GlobalMap(keyframes, poses), SHARED, OrbMatcher(), edges)


def test_a_place_that_features_confirm_is_believed(room: Room) -> None:
    assert joins(room, (0, 12)) == []


def test_a_place_that_they_do_not_confirm_is_named_by_its_times(room: Room) -> None:
    (join,) = joins(room, (0, 12), offset=0.5)
    assert (join.before, join.after) == (room.frame(0).timestamp, room.frame(12).timestamp)


def test_a_camera_that_was_lost_for_a_moment_is_not_asked(room: Room) -> None:
    assert joins(room, (0, 4), offset=0.5) == []


def test_what_shares_no_view_with_what_was_before_is_not_confirmed(room: Room) -> None:
    keyframes = [keyframe_of(k, room.prediction(frame)) for k, frame in enumerate((0, 12))]
    poses = {k: room.prediction(frame).T_world_camera for k, frame in enumerate((0, 12))}
    (join,) = unconfirmed_joins(GlobalMap(keyframes, poses), [], OrbMatcher(), [])
    assert join.after == room.frame(12).timestamp


def test_a_place_that_the_graph_doubts_is_not_confirmed_by_features_alone(room: Room) -> None:
    sure = Edge(0, 1, np.eye(4), np.eye(7), EdgeKind.COVISIBILITY)
    doubted = sure.doubted(np.eye(7))
    assert joins(room, (0, 12), edges=[sure, doubted]) == []
    assert len(joins(room, (0, 12), edges=[doubted])) == 1

"""The numbers of a run are moved as a whole."""

from __future__ import annotations

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import TrackedFrame, Visit
from mapper.merging.shift import Shift
from mapper.run.records import edge_record, keyframe_record
from tests.support.room_views import Room, keyframe_of

SHIFT = Shift(keyframes=10, segments=2, frames=100, seconds=60.0)


def test_a_keyframe_is_moved_with_frames_and_visits(room: Room) -> None:
    keyframe = keyframe_of(3, room.prediction(30), blind=True)
    visit = Visit.of(7, np.eye(4), None, [TrackedFrame(70, 2.5, np.eye(4))])
    keyframe.visits.append(visit)
    moved = SHIFT.keyframe(keyframe)
    assert (moved.id, moved.segment, moved.frame_index) == (13, 2, 130)
    assert moved.timestamp == keyframe.timestamp + 60
    assert moved.visits[0].id == 17 and moved.visits[0].timestamp == 62.5
    assert moved.visits[0].frames[0].frame_index == 170
    # The run's own stay as they were.
    assert keyframe.id == 3 and keyframe.visits[0].timestamp == 2.5


def test_lines_of_the_journal_are_moved_alike(room: Room) -> None:
    keyframe = keyframe_of(3, room.prediction(30), blind=True)
    line = {"event": "keyframe", **keyframe_record(keyframe)}
    assert SHIFT.line(line) == {"event": "keyframe", **keyframe_record(SHIFT.keyframe(keyframe))}
    edge = Edge(1, 2, np.eye(4), np.eye(7), EdgeKind.LOOP)
    assert SHIFT.line(edge_record(edge)) == edge_record(SHIFT.edge(edge))
    visit = {"event": "visit", "id": 4, "anchor": 1, "edges": [edge_record(edge)]}
    moved = SHIFT.line(visit)
    assert (moved["id"], moved["anchor"], moved["edges"][0]["j"]) == (14, 11, 12)
    assert edge.j == 2 and visit["edges"] == [edge_record(edge)]

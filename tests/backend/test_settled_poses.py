"""The dense map is told of what changed, and of all where parts of the graph may be exchanged."""

from __future__ import annotations

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.settled_poses import SettledPoses


def chain(count: int) -> PoseGraph:
    graph = PoseGraph(PoseGraphConfig(scale="fixed"))
    for k in range(count):
        graph.add_pose(k, np.eye(4))
        if k:
            graph.add_edge(Edge(k - 1, k, np.eye(4), np.eye(7), EdgeKind.ODOMETRY))
    return graph


def test_after_the_first_time_only_what_changed_is_told() -> None:
    graph = chain(4)
    settled = SettledPoses(graph)
    assert settled.changes({3}) is None
    graph.poses[1] = 2 * np.eye(4)
    told = settled.changes({3})
    assert told is not None and list(told) == [1] and told[1] is graph.poses[1]
    assert settled.changes({3}) == {}


def test_who_was_pending_is_told_when_it_is_no_more() -> None:
    graph = chain(4)
    settled = SettledPoses(graph)
    settled.changes({3})
    graph.add_pose(4, np.eye(4))
    graph.add_edge(Edge(3, 4, np.eye(4), np.eye(7), EdgeKind.ODOMETRY))
    told = settled.changes({4})
    assert told is not None and list(told) == [3]


def test_of_a_culled_keyframe_nothing_is_told() -> None:
    graph = chain(4)
    settled = SettledPoses(graph)
    settled.changes({2, 3})
    graph.add_edge(Edge(1, 3, np.eye(4), np.eye(7), EdgeKind.ODOMETRY))
    graph.remove(2)
    told = settled.changes(frozenset())
    assert told is not None and list(told) == [3]


def test_while_parts_are_apart_and_when_they_are_joined_all_are_compared() -> None:
    graph = chain(3)
    settled = SettledPoses(graph)
    settled.changes(frozenset())
    graph.add_pose(3, np.eye(4))
    assert settled.changes(frozenset()) is None
    graph.add_edge(Edge(2, 3, np.eye(4), np.eye(7), EdgeKind.LOOP))
    assert settled.changes(frozenset()) is None
    assert settled.changes(frozenset()) == {}


def test_whoever_shows_the_map_is_told_of_open_keyframes_too_and_once() -> None:
    graph = chain(3)
    settled = SettledPoses(graph)
    assert sorted(settled.moved()) == [0, 1, 2]
    graph.poses[2] = 2 * np.eye(4)
    settled.changes(frozenset())
    assert settled.moved() == [2] and settled.moved() == []

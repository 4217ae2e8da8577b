"""A loop that claims nothing of a direction and is left by far in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.self_doubt.edge_conflicts import edge_conflicts
from mapper.backend.self_doubt.strained_loops import StrainedLoop, strained_loops
from mapper.core.geometry import pose
from tests.support.room_views import Room, keyframe_of

OPEN = np.diag([1e4] * 3 + [1e-4, 1e4, 1e4] + [1.0])  # nothing is known along x
SURE = np.diag([1e6] * 3 + [1e4] * 3 + [1.0])


def shift(x: float) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0.0, 0.0]))


def asked(
    room: Room, loop: Edge, scale: Literal["free", "fixed"] = "fixed", step: float = 1.0
) -> tuple[list[StrainedLoop], int]:
    """Of a map of three keyframes, a second and `step` metres apart, and how many of its edges it
    contradicts."""
    prediction = room.prediction(0)
    times = [(k, replace(prediction, frame_index=k, timestamp=float(k))) for k in range(3)]
    poses = {k: shift(step * k) for k in range(3)}
    graph = PoseGraph(PoseGraphConfig(scale=scale))
    for k, S in poses.items():
        graph.add_pose(k, S)
    for k in range(2):
        graph.add_edge(Edge(k, k + 1, shift(step), SURE, EdgeKind.ODOMETRY))
    graph.add_edge(loop)
    final = GlobalMap([keyframe_of(k, each, blind=True) for k, each in times], poses)
    return strained_loops(final, graph), len(edge_conflicts(graph, poses).contradicted)


def test_what_an_edge_leaves_open_contradicts_nothing_and_is_told(room: Room) -> None:
    (found,), contradicted = asked(room, Edge(0, 2, shift(1.7), OPEN, EdgeKind.LOOP))
    assert contradicted == 0
    assert (found.earlier, found.later) == (0.0, 2.0)
    assert found.fit.shift == pytest.approx(0.3) and found.fit.turn_deg == pytest.approx(0.0)


def test_a_loop_that_was_given_up_or_is_near_or_that_nothing_confirmed_is_not(room: Room) -> None:
    given_up = Edge(0, 2, shift(1.7), SURE, EdgeKind.LOOP)
    assert asked(room, given_up) == ([], 1)
    near = Edge(0, 2, shift(1.9), OPEN, EdgeKind.LOOP)
    assert asked(room, near)[0] == []
    doubted = Edge(0, 2, shift(1.7), OPEN, EdgeKind.LOOP).doubted(np.eye(7))
    assert asked(room, doubted)[0] == []


def test_nothing_is_said_where_scales_are_free(room: Room) -> None:
    assert asked(room, Edge(0, 2, shift(1.7), OPEN, EdgeKind.LOOP), "free")[0] == []

"""Keyframes are tied to the one before, and a new world begins a new chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.cycle_check import CycleCheck
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.linker import KeyframeLinker
from mapper.backend.loops.loop_closer import LoopCloserConfig
from mapper.backend.loops.loop_decision import LoopDecision, Refusal
from mapper.backend.loops.odometry_chain import OdometryChain
from mapper.core.geometry import exp_se3, inverse
from mapper.core.sim3 import log_sim3
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, in_units, keyframe_of

FRAMES, SEGMENTS = (0, 4, 8, 120), (0, 0, 0, 1)  # the last one elsewhere, in a world of its own
CONFIG = EdgeConfig()


@pytest.fixture
def keyframes(room: Room) -> list[Keyframe]:
    made = [
        keyframe_of(k, room.prediction(frame, segment=segment))
        for k, (frame, segment) in enumerate(zip(FRAMES, SEGMENTS, strict=True))
    ]
    for k in (1, 2):
        made[k].T_previous_keyframe = room.relative(FRAMES[k - 1], FRAMES[k])
    return made


def linked(room: Room, keyframes: list[Keyframe]) -> tuple[KeyframeLinker, PoseGraph]:
    graph, maps = PoseGraph(), MapCache(None, 10)
    linker = KeyframeLinker(graph, maps, CONFIG, LoopCloserConfig(), OrbMatcher())
    for k, keyframe in enumerate(keyframes):
        maps.put(k, KeyframeMap.of(room.prediction(FRAMES[k])))
        previous = keyframes[k - 1] if k else None
        linker.place(previous, keyframe)
        linker.link(previous, keyframes[: k + 1])
    return linker, graph


def test_each_keyframe_is_tied_to_the_one_before(room: Room, keyframes: list[Keyframe]) -> None:
    _, graph = linked(room, keyframes)
    chain = [(e.i, e.j) for e in graph.edges if e.kind is EdgeKind.ODOMETRY]
    assert chain == [(0, 1), (1, 2)]
    for k in (1, 2):
        metres, degrees = distance(graph.poses[k], room.relative(0, FRAMES[k]))
        assert metres < 0.01 and degrees < 0.3
    assert graph.component_of()[3] == 3


def test_the_chain_doubts_an_aligned_step_by_what_steps_were_off(
    room: Room, keyframes: list[Keyframe]
) -> None:
    linker, graph = linked(room, keyframes)
    expected = OdometryChain(
        CONFIG.odometry_sigma_rotation,
        CONFIG.odometry_sigma_translation,
        CONFIG.odometry_sigma_scale,
    )
    expected.begin(0)
    for edge in (e for e in graph.edges if e.kind is EdgeKind.ODOMETRY):
        said = room.relative(FRAMES[edge.i], FRAMES[edge.j])
        expected.extend(edge.i, edge.j, edge.S_i_j, log_sim3(inverse(said) @ edge.S_i_j))
    T = inverse(graph.poses[0]) @ graph.poses[2] @ exp_se3(np.array([0, 0, 0, 0.05, 0, 0]))
    squared = linker._chain.squared_distance(0, 2, T)
    assert squared == pytest.approx(expected.squared_distance(0, 2, T), rel=1e-6)
    assert linker._chain.squared_distance(0, 3, T) is None  # another world


def test_a_frame_that_two_segments_share_ties_them(room: Room, keyframes: list[Keyframe]) -> None:
    """The frontend began a new segment with the very frame that the last one ended with."""
    first = keyframes[0]
    last = replace(first.frames[0], frame_index=4, T_keyframe_camera=room.relative(0, 4))
    first.frames.append(last)
    opened = keyframe_of(1, room.prediction(4, np.eye(4), segment=1))
    _, graph = linked(room, [first, opened])
    assert [(e.i, e.j, e.kind) for e in graph.edges] == [(0, 1, EdgeKind.OVERLAP)]
    metres, degrees = distance(graph.poses[1], room.relative(0, 4))
    assert metres < 0.01 and degrees < 0.3


def linked_last(
    room: Room, keyframes: list[Keyframe], cycles: CycleCheck | None, units: float
) -> tuple[PoseGraph, list[LoopDecision]]:
    """The first three keyframes; cycles: judge the edges of the last. units: of a network; 1 = a
    depth camera's."""
    graph, maps = PoseGraph(), MapCache(None, 10)
    linker = KeyframeLinker(graph, maps, CONFIG, LoopCloserConfig(), OrbMatcher())
    decisions: list[LoopDecision] = []
    for k, keyframe in enumerate(keyframes[:3]):
        prediction = room.prediction(FRAMES[k])
        maps.put(k, KeyframeMap.of(prediction if units == 1.0 else in_units(prediction, units)))
        if k == 2 and cycles is not None:
            cycles._graph = graph
            linker._cycles = cycles
        previous = keyframes[k - 1] if k else None
        linker.place(previous, keyframe)
        decisions = linker.link(previous, keyframes[: k + 1])[1]
    return graph, decisions


class Contradicting(CycleCheck):
    """Whose graph says the contrary of every edge."""

    def admitted(self, edge: Edge, doubt: np.ndarray) -> Edge | None:
        return None


def test_an_edge_that_others_contradict_is_refused_and_said_to_be(
    room: Room, keyframes: list[Keyframe]
) -> None:
    graph, decisions = linked_last(room, keyframes, None, 1.0)
    assert [(e.i, e.j) for e in graph.edges] == [(0, 1), (1, 2), (0, 2)]
    assert [d.refusal for d in decisions] == [None]
    graph, decisions = linked_last(room, keyframes, Contradicting(PoseGraph()), 1.0)
    assert [(e.i, e.j) for e in graph.edges] == [(0, 1), (1, 2)]
    assert [d.refusal for d in decisions] == [Refusal.CYCLE]


def test_edges_of_a_network_are_not_held_against_cycles(
    room: Room, keyframes: list[Keyframe]
) -> None:
    graph, _ = linked_last(room, keyframes, Contradicting(PoseGraph()), 1.0000001)
    assert (0, 2) in [(e.i, e.j) for e in graph.edges]


class Doubting(CycleCheck):
    """To whom every edge would look as right elsewhere."""

    def admitted(self, edge: Edge, doubt: np.ndarray) -> Edge | None:
        return edge.doubted(doubt)


def test_an_edge_in_doubt_does_not_join_two_worlds_alone(
    room: Room, keyframes: list[Keyframe]
) -> None:
    graph, decisions = linked_last(room, keyframes, Doubting(PoseGraph()), 1.0)
    assert (0, 2) in [(e.i, e.j) for e in graph.edges]
    lost = replace(keyframes[2], segment=1, T_previous_keyframe=None)
    graph, decisions = linked_last(room, [*keyframes[:2], lost], Doubting(PoseGraph()), 1.0)
    assert [(e.i, e.j) for e in graph.edges] == [(0, 1)] and not graph.is_connected
    assert {d.refusal for d in decisions if d.measured is not None} == {Refusal.DOUBTED}
    graph, decisions = linked_last(room, [*keyframes[:2], lost], CycleCheck(PoseGraph()), 1.0)
    assert graph.is_connected

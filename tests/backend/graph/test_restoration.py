"""Where a keyframe begins: at the frontend's word, carried into the graph's world."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.restoration import initial_pose
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.core.geometry import exp_se3
from mapper.core.sim3 import similarity
from tests.support.room_views import Room, keyframe_of

# Where the graph has the keyframe before: neither turned nor scaled as the frontend believes.
S_WORLD_PREVIOUS = similarity(1.5, exp_se3(np.array([0.3, -0.2, 0.5, 1.0, 2.0, -1.0])))
STEP = exp_se3(np.array([0.1, 0.4, -0.2, 0.3, 0.1, 0.2]))


@pytest.fixture
def graph() -> PoseGraph:
    graph = PoseGraph()
    graph.add_pose(0, S_WORLD_PREVIOUS)
    return graph


def keyframes(room: Room, segment: int, second_frame: int) -> tuple[Keyframe, Keyframe]:
    """Of frames 0 and 5, the first of which holds a frame more; then the second one."""
    previous = keyframe_of(0, room.prediction(0))
    previous.frames.append(TrackedFrame(2, 2 / 30, exp_se3(np.ones(6))))
    previous.frames.append(TrackedFrame(5, 5 / 30, STEP))
    return previous, keyframe_of(1, room.prediction(second_frame, segment=segment))


def test_the_first_keyframe_is_the_world(room: Room, graph: PoseGraph) -> None:
    _, first = keyframes(room, 0, 5)
    np.testing.assert_array_equal(initial_pose(graph, None, first), np.eye(4))


def test_a_keyframe_of_the_same_segment_is_a_step_on(room: Room, graph: PoseGraph) -> None:
    previous, keyframe = keyframes(room, 0, 8)
    keyframe.T_previous_keyframe = STEP
    found = initial_pose(graph, previous, keyframe)
    np.testing.assert_allclose(found, S_WORLD_PREVIOUS @ STEP)


def test_a_new_segment_begins_where_the_last_one_was(room: Room, graph: PoseGraph) -> None:
    previous, keyframe = keyframes(room, 1, 8)
    np.testing.assert_array_equal(initial_pose(graph, previous, keyframe), S_WORLD_PREVIOUS)


def test_a_frame_of_two_segments_is_where_the_last_one_had_it(room: Room, graph: PoseGraph) -> None:
    previous, keyframe = keyframes(room, 1, 5)
    found = initial_pose(graph, previous, keyframe)
    np.testing.assert_allclose(found, S_WORLD_PREVIOUS @ STEP)

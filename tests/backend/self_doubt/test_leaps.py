"""A doubted step that is far faster than all others is told; a hurried or a certain one is not."""

from __future__ import annotations

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.self_doubt.leaps import Leap, leaps
from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import LocalFeatures

FRAMES = 20
NOWHERE = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)
CAMERA = Intrinsics(10.0, 10.0, 5.0, 5.0, 11, 11)


def found(turn: float, way: float, seconds: float = 1.0, doubted: bool = True) -> list[Leap]:
    """Of a walk of 0.2 m and 0.1 rad a second in which the step into the keyframe 7 is another."""
    keyframes, poses, T, time = [], {}, np.eye(4), 0.0
    for k in range(FRAMES):
        poses[k] = T
        frame = TrackedFrame(k, time, np.eye(4))
        keyframes.append(Keyframe(k, 0, np.eye(4), NOWHERE, CAMERA, [frame]))
        is_odd = k + 1 == 7
        T = T @ exp_se3(np.array([0, turn if is_odd else 0.1, 0, way if is_odd else 0.2, 0, 0]))
        time += seconds if is_odd else 1.0
    edge = Edge(6, 7, np.eye(4), np.eye(7), EdgeKind.ODOMETRY)
    return leaps(GlobalMap(keyframes, poses), [edge.doubted(np.eye(7)) if doubted else edge])


def test_a_doubted_step_to_the_other_side_is_told() -> None:
    (leap,) = found(np.pi - 0.1, 2.2)
    assert (leap.before, leap.after) == (6.0, 7.0)
    assert leap.times > 10


def test_a_turn_alone_is_enough_and_so_is_the_way() -> None:
    assert len(found(2.0, 0.2)) == 1
    assert len(found(0.1, 1.0)) == 1


def test_what_is_sure_or_took_its_time_or_is_small_is_not_told() -> None:
    assert found(np.pi - 0.1, 2.2, doubted=False) == []
    assert found(np.pi - 0.1, 2.2, seconds=40.0) == []
    assert found(0.5, 0.45) == []


def test_of_a_few_frames_nobody_can_say_how_the_camera_moves() -> None:
    keyframe = Keyframe(0, 0, np.eye(4), NOWHERE, CAMERA, [TrackedFrame(0, 0.0, np.eye(4))])
    doubted = Edge(0, 1, np.eye(4), np.eye(7), EdgeKind.ODOMETRY).doubted(np.eye(7))
    assert leaps(GlobalMap([keyframe], {0: np.eye(4)}), [doubted]) == []

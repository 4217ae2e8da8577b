"""A frontend that knows better in the end moves its frames, keyframes and edges, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.correction import correct
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.core.geometry import exp_se3, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity
from tests.support.room_views import NO_FEATURES

CAMERA = Intrinsics(100, 100, 49.5, 49.5, 100, 100)
UNITS = 2.0  # the map's are half as large as the frontend's
STEP = exp_se3(np.array([0.01, 0.05, -0.02, 0.2, 0.0, 0.1]))
OFF = exp_se3(np.array([0.002, 0.01, 0.0, 0.03, -0.02, 0.01]))  # of each step, as answered


def powers(step: np.ndarray, count: int) -> list[np.ndarray]:
    found = [np.eye(4)]
    for _ in range(count - 1):
        found.append(found[-1] @ step)
    return found


def in_map_units(T: np.ndarray) -> np.ndarray:
    scaled = T.copy()
    scaled[:3, 3] *= UNITS
    return scaled


def made() -> tuple[list[Keyframe], PoseGraph]:
    """Three keyframes of three frames each, with the wrong poses, and a loop between the outer."""
    answered = [in_map_units(T) for T in powers(STEP @ OFF, 9)]
    keyframes: list[Keyframe] = []
    graph = PoseGraph()
    graph.take_units(is_metric=False)
    for k in range(3):
        T = answered[3 * k]
        keyframe = Keyframe(k, 0, T, NO_FEATURES, CAMERA, is_metric=False, units=UNITS)
        for i in range(3 * k, 3 * k + 3):
            keyframe.frames.append(TrackedFrame(i, i / 10, inverse(T) @ answered[i]))
        keyframe.T_odometry_last = answered[3 * k + 2]
        graph.add_pose(k, T)
        if k:
            before = keyframes[-1]
            keyframe.T_previous_keyframe = inverse(before.T_odometry_keyframe) @ T
            step = keyframe.T_previous_keyframe
            graph.add_edge(Edge(k - 1, k, step, 50 * np.eye(7), EdgeKind.ADJUSTED))
        keyframes.append(keyframe)
    graph.add_edge(Edge(0, 2, np.eye(4), np.eye(7), EdgeKind.LOOP))
    return keyframes, graph


def test_frames_keyframes_and_edges_follow() -> None:
    keyframes, graph = made()
    true = powers(STEP, 9)
    scales = {0: 1.0, 3: 1.1, 6: 0.9}  # depths of the second keyframe are a tenth too small
    found = {(0, i): similarity(scales.get(i, 1.0), T) for i, T in enumerate(true)}
    correction = correct(keyframes, graph, found)
    assert list(correction.keyframes) == keyframes and len(correction.edges) == 2
    for keyframe in keyframes:
        S = graph.poses[keyframe.id]
        assert float(scale_of(S)) == pytest.approx(scales[keyframe.frame_index])
        for frame in keyframe.frames:
            T = rigid_part(S @ frame.T_keyframe_camera)
            np.testing.assert_allclose(T, in_map_units(true[frame.frame_index]), atol=1e-9)
        last = in_map_units(true[keyframe.frames[-1].frame_index])
        assert keyframe.T_odometry_last is not None
        np.testing.assert_allclose(keyframe.T_odometry_last, last, atol=1e-9)
    adjusted = [e for e in graph.edges if e.kind == EdgeKind.ADJUSTED]
    for edge in adjusted:
        expected = inverse_similarity(graph.poses[edge.i]) @ graph.poses[edge.j]
        np.testing.assert_allclose(edge.S_i_j, expected, atol=1e-9)
        assert edge.information[0, 0] == 50
    assert sum(e.kind == EdgeKind.LOOP for e in graph.edges) == 1


def test_what_nobody_corrects_stays() -> None:
    keyframes, graph = made()
    poses = {k: S.copy() for k, S in graph.poses.items()}
    frames = [frame.T_keyframe_camera.copy() for k in keyframes for frame in k.frames]
    assert correct(keyframes, graph, {(1, 0): np.eye(4)}).keyframes == ()
    assert all(np.array_equal(poses[k], S) for k, S in graph.poses.items())
    after = [frame.T_keyframe_camera for k in keyframes for frame in k.frames]
    assert all(np.array_equal(a, b) for a, b in zip(frames, after, strict=True))


def test_a_keyframe_without_a_correction_breaks_the_chain_of_them() -> None:
    keyframes, graph = made()
    true = powers(STEP, 9)
    found = {(0, i): T for i, T in enumerate(true) if i != 3}
    correction = correct(keyframes, graph, found)
    assert [k.id for k in correction.keyframes] == [0, 2] and correction.edges == ()

"""Loops are closed where two views show the same surfaces, and nowhere else."""

from __future__ import annotations

import gtsam
import numpy as np
import pytest
from room_views import Room, distance

from mapper.backend.edge import Edge, EdgeKind
from mapper.backend.keyframe import HungFrame, Keyframe
from mapper.backend.keyframe_map import KeyframeMap
from mapper.backend.loop_closer import (
    LoopCloser,
    LoopCloserConfig,
    LoopDecision,
    adjoint_matrix,
    edge_information,
    refine_odometry,
)
from mapper.backend.map_cache import MapCache
from mapper.geometry import exp_se3, inverse, pose
from mapper.local_features import FeatureExtractor, LocalFeatures
from mapper.prediction import Prediction

CONFIG = LoopCloserConfig(recent=1)  # so that three keyframes are enough for a loop
NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)


def keyframe_of(keyframe_id: int, prediction: Prediction, blind: bool = False) -> Keyframe:
    features = NO_FEATURES
    if not blind:
        features = FeatureExtractor()(prediction.image, prediction.pointmap)
    frame = HungFrame(prediction.frame_index, prediction.timestamp, np.eye(4))
    return Keyframe(
        keyframe_id, 0, prediction.T_world_camera, features, prediction.intrinsics, [frame]
    )


def closed(
    room: Room, frames: list[int], last_pose: np.ndarray | None = None, blind: bool = False
) -> tuple[list[Edge], list[LoopDecision]]:
    """What is found for the last of `frames`, which the graph believes to be at `last_pose`."""
    closer, maps = LoopCloser(CONFIG), MapCache(None, 10)
    predictions = [room.prediction(index) for index in frames]
    keyframes = [keyframe_of(k, p, blind) for k, p in enumerate(predictions)]
    poses = {k: p.T_world_camera for k, p in enumerate(predictions)}
    if last_pose is not None:
        poses[len(frames) - 1] = last_pose
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
        if k < len(frames) - 1:
            closer.remember(keyframes[k])
    return closer.close(keyframes[-1], keyframes, poses, maps)


@pytest.mark.parametrize("last", [236, 4])
def test_a_true_revisit_is_closed_with_the_true_pose(room: Room, last: int) -> None:
    edges, decisions = closed(room, [0, 120, last])
    assert [(e.i, e.j, e.kind) for e in edges] == [(0, 2, EdgeKind.LOOP)]
    metres, degrees = distance(edges[0].T_i_j, room.relative(0, last))
    # Depth with the sensor's noise, 1 cm at 2.5 m, over thousands of points.
    assert metres < 5e-3 and degrees < 0.2
    decision = next(d for d in decisions if d.accepted)
    assert (decision.i, decision.j, decision.reason) == (0, 2, "verified")
    assert decision.overlap > 0.5 and decision.agreement > 0.9 and decision.feature_inliers >= 12
    assert 0 <= decision.rmse < 0.02


def test_a_revisit_is_closed_wherever_the_graph_has_drifted_to(room: Room) -> None:
    drifted = room.relative(0, 236) @ exp_se3(np.array([0, 0.6, 0, 1.5, 0.2, 1.0]))
    edges, decisions = closed(room, [0, 120, 236], drifted)
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    metres, degrees = distance(edges[0].T_i_j, room.relative(0, 236))
    assert metres < 5e-3 and degrees < 0.2
    decision = next(d for d in decisions if d.accepted)
    assert decision.found_by == "appearance"
    expected = np.linalg.norm((inverse(drifted) @ room.relative(0, 236))[:3, 3])
    assert decision.correction == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("last", [60, 90])
def test_another_place_is_refused_although_the_graph_believes_it(room: Room, last: int) -> None:
    edges, decisions = closed(room, [0, 120, last], np.eye(4))
    assert edges == []
    refused = [d for d in decisions if (d.i, d.j) == (0, 2)]
    assert refused and not any(d.accepted for d in refused)
    assert all(d.reason != "verified" for d in refused)


def test_a_wrong_pose_is_refused_where_no_feature_can_mend_it(room: Room) -> None:
    right = room.relative(0, 236)
    wrong = right @ exp_se3(np.array([0.0, 0.35, 0, 0.5, 0.1, 0.3]))
    assert closed(room, [0, 120, 236], wrong, blind=True)[0] == []
    assert [(e.i, e.j) for e in closed(room, [0, 120, 236], right, blind=True)[0]] == [(0, 2)]


def test_decisions_can_be_written_down(room: Room) -> None:
    _, decisions = closed(room, [0, 120, 236])
    for decision in decisions:
        written = decision.to_dict()
        assert written["kind"] in ("loop", "covisibility")
        assert np.isfinite([v for v in written.values() if isinstance(v, float)]).all()


def test_a_neighbour_that_shares_the_view_is_covisible_and_no_loop(room: Room) -> None:
    closer, maps = LoopCloser(LoopCloserConfig()), MapCache(None, 10)
    predictions = [room.prediction(index) for index in (0, 3, 6)]
    keyframes = [keyframe_of(k, p) for k, p in enumerate(predictions)]
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
    poses = {k: p.T_world_camera for k, p in enumerate(predictions)}
    edges, _ = closer.close(keyframes[2], keyframes, poses, maps)
    # The direct predecessor is left to the odometry.
    assert [(e.i, e.j, e.kind) for e in edges] == [(0, 2, EdgeKind.COVISIBILITY)]


def _odometry(room: Room, error: np.ndarray, dark: bool = False) -> Edge:
    predictions = [room.prediction(0), room.prediction(5, room.relative(0, 5) @ exp_se3(error))]
    maps = MapCache(None, 10)
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
        if dark:
            maps.map(k).depth[:] = 0
            maps.put(k, maps.map(k))
    a, b = (keyframe_of(k, p, blind=True) for k, p in enumerate(predictions))
    return refine_odometry(a, b, maps, LoopCloserConfig())


def test_an_odometry_edge_is_refined_by_dense_alignment(room: Room) -> None:
    edge = _odometry(room, np.array([0.005, 0, 0.005, 0.01, 0, -0.01]))
    metres, degrees = distance(edge.T_i_j, room.relative(0, 5))
    assert metres < 5e-3 and degrees < 0.2
    assert edge.kind == EdgeKind.ODOMETRY


def test_an_odometry_edge_without_depth_is_the_frontends_word(room: Room) -> None:
    error = np.array([0.005, 0, 0.005, 0.01, 0, -0.01])
    edge = _odometry(room, error, dark=True)
    np.testing.assert_allclose(edge.T_i_j, room.relative(0, 5) @ exp_se3(error), atol=1e-12)
    np.testing.assert_allclose(np.diag(edge.information), [1e4] * 3 + [2500.0] * 3)


def test_the_adjoint_agrees_with_gtsam() -> None:
    T = exp_se3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5]))
    np.testing.assert_allclose(adjoint_matrix(T), gtsam.Pose3(T).AdjointMap(), atol=1e-12)


def test_information_is_carried_from_the_left_of_the_edge_to_its_right() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    left = root @ root.T + np.eye(6)
    T = exp_se3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5]))
    exact = LoopCloserConfig(information_scale=1.0, sigma_rotation=0.0, sigma_translation=0.0)
    right = edge_information(left, T, exact)
    for twist in 1e-4 * rng.standard_normal((5, 6)):
        # The same small motion, as the alignment writes it: T exp(twist) = exp(x) T.
        x = gtsam.Pose3.Logmap(gtsam.Pose3(T @ exp_se3(twist) @ inverse(T)))
        assert twist @ right @ twist == pytest.approx(x @ left @ x, rel=1e-4)


def test_information_never_beats_its_floor() -> None:
    config = LoopCloserConfig(sigma_rotation=2e-3, sigma_translation=5e-3)
    information = edge_information(1e30 * np.eye(6), pose(np.eye(3), np.zeros(3)), config)
    expected = [2e-3**-2] * 3 + [5e-3**-2] * 3
    np.testing.assert_allclose(np.diag(information), expected, rtol=1e-6)


def test_a_direction_that_the_alignment_did_not_see_has_next_to_no_information() -> None:
    left = np.diag([1e9, 1e9, 1e9, 0.0, 1e9, 1e9])
    information = edge_information(left, np.eye(4), LoopCloserConfig())
    assert np.diag(information)[3] < 1e-3 and np.diag(information)[4] > 1e3
    assert np.linalg.eigvalsh(information).min() > 0  # and still is one

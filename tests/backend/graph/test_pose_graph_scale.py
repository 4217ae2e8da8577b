"""The pose graph finds the scale that drifted, moves a window alone, and joins stretches."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.core.geometry import exp_se3, pose
from mapper.core.settings_model import from_mapping
from mapper.core.sim3 import exp_sim3, inverse_similarity, rigid_part, scale_of, similarity
from mapper.errors import ConfigError
from tests.support.room_views import distance

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
STEPS, SHRINK = 24, 0.97  # a lap; each keyframe's unit against the one before
SIGMAS = np.array([1e-3] * 3 + [2e-3] * 3 + [2e-2])
INFORMATION = np.diag(SIGMAS**-2)
CERTAIN = 1e8 * np.eye(7)

Scale = Literal["auto", "free", "fixed"]


def lap() -> list[np.ndarray]:
    """S_world_keyframe of a lap on a circle whose units shrink with every step."""
    poses = []
    for k in range(STEPS + 1):
        angle = 2 * np.pi * k / STEPS
        R = Rotation.from_euler("y", angle).as_matrix()
        T = pose(R, 2 * np.array([np.sin(angle), 0.0, np.cos(angle) - 1]))
        poses.append(similarity(SHRINK**k, T))
    return poses


def blind_to_scale(truth: list[np.ndarray], scale: Scale) -> PoseGraph:
    """What a frontend says that does not notice its unit shrink: every step at scale 1."""
    graph = PoseGraph(PoseGraphConfig(scale=scale))
    graph.add_pose(0, truth[0])
    for k in range(STEPS):
        step = rigid_part(inverse_similarity(truth[k]) @ truth[k + 1])
        graph.add_pose(k + 1, graph.poses[k] @ step)
        graph.add_edge(Edge(k, k + 1, step, INFORMATION, ODOMETRY))
    return graph


def position_errors(graph: PoseGraph, truth: list[np.ndarray]) -> np.ndarray:
    return np.array([np.linalg.norm((graph.poses[k] - S)[:3, 3]) for k, S in enumerate(truth)])


def noisy_chain(count: int, seed: int = 0) -> PoseGraph:
    """A chain of similarities with edges over one and three steps, off its optimum."""
    rng = np.random.default_rng(seed)
    step = exp_sim3(np.array([0.02, 0.1, -0.03, 0.2, 0.05, 0.1, 0.01]))
    graph = PoseGraph(PoseGraphConfig(scale="free", window=8))
    for k in range(count):
        graph.add_pose(k, np.linalg.matrix_power(step, k))
    for k in range(count - 1):
        noise = exp_sim3(SIGMAS * rng.standard_normal(7))
        graph.add_edge(Edge(k, k + 1, step @ noise, INFORMATION, ODOMETRY))
    for k in range(count - 3):
        S = np.linalg.matrix_power(step, 3) @ exp_sim3(SIGMAS * rng.standard_normal(7))
        graph.add_edge(Edge(k, k + 3, S, INFORMATION, EdgeKind.COVISIBILITY))
    return graph


def test_one_loop_finds_the_scale_that_drifted() -> None:
    truth = lap()
    graph = blind_to_scale(truth, "free")
    assert position_errors(graph, truth).max() > 0.5
    S_loop = inverse_similarity(truth[0]) @ truth[-1]
    graph.add_edge(Edge(0, STEPS, S_loop, CERTAIN, LOOP))
    error = graph.optimise(final=True)
    # Equal steps share the closing scale equally, which here is the truth.
    for k, S in enumerate(truth):
        assert scale_of(graph.poses[k]) == pytest.approx(float(scale_of(S)), rel=1e-3)
    assert position_errors(graph, truth).max() < 5e-3
    assert error == pytest.approx(0.5 * STEPS * (np.log(SHRINK) / SIGMAS[6]) ** 2, rel=1e-3)


def test_without_scales_the_same_loop_cannot_mend_it() -> None:
    truth = lap()
    graph = blind_to_scale(truth, "fixed")
    S_loop = rigid_part(inverse_similarity(truth[0]) @ truth[-1])
    graph.add_edge(Edge(0, STEPS, S_loop, CERTAIN, LOOP))
    graph.optimise(final=True)
    assert position_errors(graph, truth).max() > 0.2
    scales = [float(scale_of(S)) for S in graph.poses.values()]
    np.testing.assert_allclose(scales, 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("scale", "is_metric", "free"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("free", True, True),
        ("fixed", False, False),
    ],
)
def test_scales_are_free_where_the_unit_is_unknown_or_asked_for(
    scale: Scale, is_metric: bool, free: bool
) -> None:
    graph = PoseGraph(PoseGraphConfig(scale=scale))
    graph.take_units(is_metric)
    assert graph.free_scale == free


def test_an_unknown_scale_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="auto, free or fixed"):
        from_mapping(PoseGraphConfig, {"scale": "loose"})


@pytest.mark.parametrize("off", [0.0, 0.01, -0.01])
def test_a_loop_counts_seven_directions_where_scales_are_free(off: float) -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, similarity(np.exp(off), np.eye(4)))
    edge = Edge(0, 1, np.eye(4), 1e6 * np.eye(7), LOOP)
    assert graph.squared_distance(edge) == pytest.approx(1e6 * off**2, abs=1e-9)
    assert graph.is_inlier(edge) == (off == 0.0)  # 99.99 % of chi-square with 7 dof is 29.9


def test_a_window_alone_moves_to_where_the_whole_would() -> None:
    whole, window = noisy_chain(30), noisy_chain(30)
    whole.optimise()
    whole.optimise()
    before = {k: S.copy() for k, S in whole.poses.items()}
    moving = list(before)[-8:]
    for k in before:
        window.poses[k] = before[k].copy()
    for k in moving:
        window.poses[k] = before[k] @ exp_sim3(0.02 * np.arange(7) / 7)
    window.optimise_window([])
    for k, S in before.items():
        if k not in moving:
            np.testing.assert_allclose(window.poses[k], S, atol=1e-5)  # held to 1e-6
        else:
            np.testing.assert_allclose(window.poses[k], S, atol=2e-3)


def test_keyframes_of_a_loop_move_with_the_window() -> None:
    graph = noisy_chain(30)
    graph.optimise()
    before = {k: S.copy() for k, S in graph.poses.items()}
    graph.poses[5] = before[5] @ exp_sim3(np.full(7, 0.01))
    graph.optimise_window([])
    assert distance(rigid_part(graph.poses[5]), rigid_part(before[5]))[0] > 5e-3  # outside of it
    graph.optimise_window([5])
    np.testing.assert_allclose(graph.poses[5], before[5], atol=2e-3)


def test_a_window_over_all_keeps_its_world() -> None:
    graph = noisy_chain(6)
    first = graph.poses[0].copy()
    graph.optimise_window([])
    np.testing.assert_allclose(graph.poses[0], first, atol=1e-5)


def test_a_loop_to_the_first_keyframe_does_not_move_the_world() -> None:
    graph = noisy_chain(30)
    first, last = graph.poses[0].copy(), graph.poses[29].copy()
    S = inverse_similarity(first) @ last @ exp_sim3(np.full(7, 0.02))
    graph.add_edge(Edge(0, 29, S, INFORMATION, LOOP))
    graph.optimise_window([0, 29])
    np.testing.assert_allclose(graph.poses[0], first, atol=1e-5)
    assert np.abs(graph.poses[29] - last).max() > 1e-3


def test_a_window_without_edges_moves_nothing() -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, exp_se3(np.arange(6) / 5))
    assert graph.optimise_window([]) == 0.0
    np.testing.assert_array_equal(graph.poses[1], exp_se3(np.arange(6) / 5))


@pytest.mark.parametrize("backwards", [False, True])
def test_the_first_edge_between_two_stretches_brings_the_later_to_scale(backwards: bool) -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    step = exp_se3(np.array([0, 0.1, 0, 0.5, 0, 0.1]))
    elsewhere = similarity(0.2, exp_se3(np.array([1.0, 0.5, 0, 30, 0, 0])))
    for first, start in ((0, np.eye(4)), (4, elsewhere)):
        for k in range(4):
            graph.add_pose(first + k, start @ np.linalg.matrix_power(step, k))
        for k in range(3):
            graph.add_edge(Edge(first + k, first + k + 1, step, INFORMATION, ODOMETRY))
    graph.optimise(final=True)
    assert graph.component_of() == {k: 4 * (k // 4) for k in range(8)}
    np.testing.assert_allclose(graph.poses[4], elsewhere, atol=1e-5)
    S_2_5 = similarity(3.7, exp_se3(np.array([0.2, 0, -0.4, 0.3, 0.1, 0.2])))
    joint = Edge(2, 5, S_2_5, CERTAIN, LOOP)
    if backwards:
        joint = Edge(5, 2, inverse_similarity(S_2_5), CERTAIN, LOOP)
    graph.add_edge(joint)
    assert set(graph.component_of().values()) == {0}
    expected = {k: np.linalg.matrix_power(step, k) for k in range(4)}
    for k in range(4):
        expected[4 + k] = expected[2] @ S_2_5 @ np.linalg.matrix_power(step, k - 1)
    for moment in ("joined", "optimised"):
        for k, S in expected.items():
            np.testing.assert_allclose(graph.poses[k], S, atol=1e-4, err_msg=f"{moment} {k}")
        graph.optimise(final=True)


def test_many_joints_do_not_add_up_their_rounding() -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    step = exp_sim3(np.array([0.02, 0.1, -0.03, 0.2, 0.05, 0.1, 0.001]))
    graph.add_pose(0, np.eye(4))
    for k in range(300):
        graph.add_pose(k + 1, graph.poses[k] @ step)
        graph.add_edge(Edge(k, k + 1, step, INFORMATION, ODOMETRY))
    S = graph.poses[300]
    R = S[:3, :3] / scale_of(S)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    assert scale_of(S) == pytest.approx(np.exp(0.3), rel=1e-9)


@pytest.mark.parametrize("scale", ["free", "fixed"])
def test_an_edge_that_is_not_finite_changes_no_pose(
    scale: Scale, caplog: pytest.LogCaptureFixture
) -> None:
    graph, without = blind_to_scale(lap(), scale), blind_to_scale(lap(), scale)
    with caplog.at_level(logging.WARNING):
        graph.add_edge(Edge(0, STEPS, np.eye(4), np.full((7, 7), np.nan), LOOP))
        for each in (graph, without):
            each.optimise()
            each.optimise_window([0])
    assert f"edge 0-{STEPS} is not finite" in caplog.text and "rolled back" not in caplog.text
    for k, S in without.poses.items():
        np.testing.assert_array_equal(graph.poses[k], S)


@pytest.mark.parametrize(("scale", "dof"), [("fixed", 6), ("free", 7)])
def test_an_edge_is_right_up_to_the_quantile_of_its_degrees_of_freedom(
    scale: Scale, dof: int
) -> None:
    graph = PoseGraph(PoseGraphConfig(scale=scale))
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, np.eye(4))
    limit = chi2.ppf(graph.config.inlier_probability, dof)
    for share, is_right in ((0.99, True), (1.01, False)):
        off = pose(np.eye(3), np.array([np.sqrt(share * limit), 0, 0]))
        assert graph.is_inlier(Edge(0, 1, off, np.eye(7), LOOP)) is is_right
        assert graph.is_inlier(Edge(0, 1, off, np.eye(7), ODOMETRY))  # never in doubt

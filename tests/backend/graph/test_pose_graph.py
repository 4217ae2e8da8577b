"""The pose graph spreads errors by weight and is not led astray by wrong loops."""

from __future__ import annotations

from collections.abc import Mapping

import gtsam
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.core.geometry import exp_se3, inverse, pose

ODOMETRY, LOOP = EdgeKind.ODOMETRY, EdgeKind.LOOP
SEEDS = range(5)
LAP, COUNT, LOOPS = 30, 90, 40
ODOMETRY_SIGMAS = np.array([0.004] * 3 + [0.01] * 3)
LOOP_SIGMAS = np.array([0.004] * 3 + [0.006] * 3)


def shift(x: float) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0.0, 0.0]))


def line_edge(i: int, j: int, x: float, kind: EdgeKind, information: float = 1.0) -> Edge:
    return Edge(i, j, shift(x), information * np.eye(7), kind)


def line_graph(edges: list[Edge], starts: list[float]) -> PoseGraph:
    graph = PoseGraph()
    for number, x in enumerate(starts):
        graph.add_pose(number, shift(x))
    for edge in edges:
        graph.add_edge(edge)
    return graph


def laps(seed: int) -> tuple[np.ndarray, list[Edge], list[Edge], list[Edge]]:
    """Three noisy laps: true poses, odometry edges, right loop edges, and as many wrong ones."""
    rng = np.random.default_rng(seed)
    angles = np.arange(COUNT) * 2 * np.pi / LAP
    truth = np.stack(
        [
            pose(
                Rotation.from_rotvec([0, 0, a]).as_matrix(), 2 * np.array([np.cos(a), np.sin(a), 0])
            )
            for a in angles
        ]
    )
    truth = inverse(truth[0]) @ truth

    def noisy(i: int, j: int, sigmas: np.ndarray, kind: EdgeKind) -> Edge:
        T = inverse(truth[i]) @ truth[j] @ exp_se3(sigmas * rng.standard_normal(6))
        return Edge(i, j, T, np.diag([*sigmas**-2.0, 1.0]), kind)

    odometry = [noisy(k, k + 1, ODOMETRY_SIGMAS, ODOMETRY) for k in range(COUNT - 1)]
    starts = rng.choice(COUNT - LAP - 2, LOOPS)
    ends = starts + LAP + rng.integers(-2, 3, LOOPS)
    right = [noisy(int(i), int(j), LOOP_SIGMAS, LOOP) for i, j in zip(starts, ends, strict=True)]
    wrong = []
    for edge in right:
        T = pose(Rotation.random(random_state=rng).as_matrix(), rng.uniform(-2, 2, 3))
        wrong.append(Edge(edge.i, edge.j, T, edge.information, LOOP))
    return truth, odometry, right, wrong


def solved(odometry: list[Edge], loops: list[Edge]) -> PoseGraph:
    graph = PoseGraph()
    graph.add_pose(0, np.eye(4))
    for edge in odometry:
        graph.add_pose(edge.j, graph.poses[edge.i] @ edge.S_i_j)
        graph.add_edge(edge)
    for edge in loops:
        graph.add_edge(edge)
    graph.optimise(final=True)
    return graph


def rmse(poses: Mapping[int, np.ndarray], truth: np.ndarray) -> float:
    positions = np.array([poses[k][:3, 3] for k in range(COUNT)])
    return float(np.sqrt(((positions - truth[:, :3, 3]) ** 2).sum(1).mean()))


def test_an_edge_that_fits_has_no_residual() -> None:
    T_i, T_j = exp_se3(np.arange(6) / 5), exp_se3(-np.arange(6) / 3)
    graph = PoseGraph()
    graph.add_pose(0, T_i)
    graph.add_pose(1, T_j)
    edge = Edge(0, 1, inverse(T_i) @ T_j, 1e6 * np.eye(7), LOOP)
    assert graph.squared_distance(edge) == pytest.approx(0.0, abs=1e-12)
    assert graph.is_inlier(edge)


def test_the_residual_is_a_twist_on_the_right_with_rotation_first() -> None:
    T, twist = exp_se3(np.arange(6) / 5), np.array([0.01, 0, 0, 0, 0.02, 0])
    graph = PoseGraph()
    graph.add_pose(0, np.eye(4))
    graph.add_pose(1, T @ exp_se3(twist))
    information = np.diag([100.0, 1, 1, 1, 25.0, 1, 1])
    edge = Edge(0, 1, T, information, LOOP)
    assert graph.squared_distance(edge) == pytest.approx(100 * 0.01**2 + 25 * 0.02**2, rel=1e-9)


def test_a_closing_error_is_shared_equally_by_equal_edges() -> None:
    edges = [
        line_edge(0, 1, 1.0, ODOMETRY),
        line_edge(1, 2, 1.0, ODOMETRY),
        line_edge(0, 2, 2.3, LOOP),
    ]
    graph = line_graph(edges, [0, 1, 2])
    graph.optimise(final=True)
    # 0.3 m to close and three equal edges: each takes 0.1 m. 1e-6: the prior on keyframe 0.
    np.testing.assert_allclose([graph.poses[k][0, 3] for k in range(3)], [0, 1.1, 2.2], atol=1e-6)


def test_a_closing_error_goes_to_the_edges_in_proportion_to_their_variance() -> None:
    edges = [
        line_edge(0, 1, 1.0, ODOMETRY, 4.0),
        line_edge(1, 2, 1.0, ODOMETRY, 4.0),
        line_edge(0, 2, 2.3, LOOP, 1.0),
    ]
    graph = line_graph(edges, [0, 1, 2])
    error = graph.optimise(final=True)
    # Variances 1/4, 1/4 and 1: shares 1/6, 1/6 and 2/3 of 0.3 m.
    np.testing.assert_allclose([graph.poses[k][0, 3] for k in range(3)], [0, 1.05, 2.1], atol=1e-6)
    assert error == pytest.approx(0.5 * (2 * 4 * 0.05**2 + 0.2**2), rel=1e-4)


def test_the_first_keyframe_stays_where_it_is() -> None:
    graph = line_graph([line_edge(0, 1, 1.0, ODOMETRY)], [5.0, 5.5])
    graph.optimise()
    # 1e-5: the gauge is held to 1e-6 m against edges of 1 m.
    np.testing.assert_allclose([graph.poses[k][0, 3] for k in (0, 1)], [5.0, 6.0], atol=1e-5)


def test_components_are_named_by_their_smallest_keyframe() -> None:
    edges = [line_edge(3, 4, 1.0, ODOMETRY), line_edge(0, 2, 1.0, LOOP)]
    graph = line_graph(edges, [0.0] * 5)
    assert graph.component_of() == {0: 0, 1: 1, 2: 0, 3: 3, 4: 3}


def test_components_that_no_edge_joins_keep_their_own_place() -> None:
    edges = [line_edge(0, 1, 1.0, ODOMETRY), line_edge(2, 3, 1.0, ODOMETRY)]
    graph = line_graph(edges, [0, 0.5, 10, 10.5])
    graph.optimise(final=True)
    xs = [graph.poses[k][0, 3] for k in range(4)]
    np.testing.assert_allclose(xs, [0, 1, 10, 11], atol=1e-5)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_edge_that_joins_two_components_carries_the_later_one(backwards: bool) -> None:
    edges = [line_edge(0, 1, 1.0, ODOMETRY), line_edge(2, 3, 1.0, ODOMETRY)]
    graph = line_graph(edges, [0, 1, 50, 51])
    sharp = 1e6  # sigma 1 mm: 48 m off is far outside of every kernel
    joint = line_edge(3, 1, -2.0, LOOP, sharp) if backwards else line_edge(1, 3, 2.0, LOOP, sharp)
    graph.add_edge(joint)
    assert graph.squared_distance(joint) == pytest.approx(0.0, abs=1e-9)
    graph.optimise(final=True)
    assert graph.is_inlier(joint)
    xs = [graph.poses[k][0, 3] for k in range(4)]
    np.testing.assert_allclose(xs, [0, 1, 2, 3], atol=1e-5)
    assert set(graph.component_of().values()) == {0}


def test_components_joined_wrongly_at_first_are_put_right_by_later_edges() -> None:
    edges = [line_edge(k, k + 1, 1.0, ODOMETRY, 1e4) for k in (0, 1, 2, 4, 5, 6)]
    edges.append(line_edge(0, 4, 9.0, LOOP, 1e4))  # the wrong one comes first
    edges += [line_edge(k, k + 4, 4.0, LOOP, 1e4) for k in (1, 2, 3)]
    graph = line_graph(edges, [0, 1, 2, 3, 50, 51, 52, 53])
    graph.optimise(final=True)
    np.testing.assert_allclose([graph.poses[k][0, 3] for k in range(8)], range(8), atol=1e-4)
    assert [graph.is_inlier(e) for e in edges if e.kind == LOOP] == [False, True, True, True]


@pytest.mark.parametrize("pair", [(0, 7), (7, 0)])
def test_an_edge_to_an_unknown_keyframe_is_refused(pair: tuple[int, int]) -> None:
    graph = line_graph([], [0.0, 1.0])
    with pytest.raises(KeyError, match="not in the graph"):
        graph.add_edge(line_edge(*pair, 1.0, LOOP))
    assert not list(graph.edges)


def test_an_empty_graph_and_a_lone_keyframe_need_no_optimisation() -> None:
    assert PoseGraph().optimise(final=True) == 0.0
    assert line_graph([], [3.0]).optimise(final=True) == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_one_wrong_loop_in_five_hardly_matters(seed: int) -> None:
    truth, odometry, right, wrong = laps(seed)
    cut = LOOPS // 5
    clean = solved(odometry, right[cut:])
    dirty = solved(odometry, right[cut:] + wrong[:cut])
    assert rmse(dirty.poses, truth) < 1.1 * rmse(clean.poses, truth)
    assert np.mean([not dirty.is_inlier(edge) for edge in wrong[:cut]]) > 0.95
    assert np.mean([dirty.is_inlier(edge) for edge in right[cut:]]) > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_loops_pull_drifted_laps_together(seed: int) -> None:
    truth, odometry, right, _ = laps(seed)
    assert rmse(solved(odometry, right).poses, truth) < 0.7 * rmse(
        solved(odometry, []).poses, truth
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_three_steps_are_as_good_as_gtsams_graduated_ones(seed: int) -> None:
    truth, odometry, right, wrong = laps(seed)
    cut = LOOPS // 5
    loops = right[cut:] + wrong[:cut]
    ours = solved(odometry, loops)
    assert rmse(ours.poses, truth) < 1.2 * rmse(_gnc(odometry, loops), truth)


def _gnc(odometry: list[Edge], loops: list[Edge]) -> dict[int, np.ndarray]:
    """The same graph by gtsam's GncLMOptimizer with the Geman-McClure loss."""
    factors, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    gauge = gtsam.noiseModel.Isotropic.Sigma(6, 1e-6)
    factors.add(gtsam.PriorFactorPose3(0, gtsam.Pose3(), gauge))
    T = np.eye(4)
    values.insert(0, gtsam.Pose3(T))
    for edge in odometry:
        T = T @ edge.S_i_j
        values.insert(edge.j, gtsam.Pose3(T))
    for edge in odometry + loops:
        noise = gtsam.noiseModel.Gaussian.Information(edge.information[:6, :6])
        factors.add(gtsam.BetweenFactorPose3(edge.i, edge.j, gtsam.Pose3(edge.S_i_j), noise))
    parameters = gtsam.GncLMParams()
    parameters.setLossType(gtsam.GncLossType.GM)
    parameters.setKnownInliers(list(range(1 + len(odometry))))
    found = gtsam.GncLMOptimizer(factors, values, parameters).optimize()
    return {k: found.atPose3(k).matrix() for k in range(COUNT)}

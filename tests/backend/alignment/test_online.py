"""While mapping, the newest keyframes are aligned and the graph takes their word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.alignment import AlignmentTask, GlobalAlignment, align_globally
from mapper.backend.alignment.online import OnlineAlignmentConfig, align_newest
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.sim3 import inverse_similarity, similarity
from mapper.errors import ConfigError
from tests.support.plane_views import CONFIG, moved, plane_maps

TRUTH = {k: moved(0.06 * k, 0.03 * (k % 2), yaw=-0.01 * k) for k in range(8)}
ONLINE = OnlineAlignmentConfig(window=6)
WINDOW = range(2, 8)


@pytest.fixture(scope="module")
def maps() -> MapCache:
    return plane_maps(TRUTH)


@pytest.fixture
def graph() -> PoseGraph:
    """Right up to keyframe 3; from there each edge is a centimetre and 1 % of scale off."""
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    graph.add_pose(0, TRUTH[0])
    for k in range(7):
        S = inverse_similarity(TRUTH[k]) @ TRUTH[k + 1]
        if k >= 3:
            S = similarity(1.01, S @ moved(0.01, -0.006))
        graph.add_pose(k + 1, graph.poses[k] @ S)
        graph.add_edge(Edge(k, k + 1, S, 400 * np.eye(7), EdgeKind.ODOMETRY))
    return graph


def error(graph: PoseGraph) -> float:
    return max(float(np.abs(graph.poses[k] - TRUTH[k])[:3, 3].max()) for k in TRUTH)


def test_the_window_comes_to_where_it_is_and_the_rest_stays(
    maps: MapCache, graph: PoseGraph
) -> None:
    before = {k: S.copy() for k, S in graph.poses.items()}
    align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG)
    for k in (0, 1):
        np.testing.assert_array_equal(graph.poses[k], before[k])
    for k in (2, 3):  # the oldest of the window
        np.testing.assert_allclose(graph.poses[k], before[k], atol=1e-5)
    assert error(graph) < 0.01 < 0.04 < max(np.abs(before[7] - TRUTH[7])[:3, 3])


def test_edges_within_the_window_are_replaced(maps: MapCache, graph: PoseGraph) -> None:
    old = list(graph.edges)
    edges = align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG)
    assert all(e.i in WINDOW and e.j in WINDOW and e.i < e.j for e in edges)
    found = {(e.i, e.j): e for e in edges}
    assert {(k, k + 1) for k in range(2, 7)} | {(2, 4), (3, 5)} <= set(found)
    for (i, j), edge in found.items():
        assert [e for e in graph.edges if {e.i, e.j} == {i, j}] == [edge]
        assert edge.kind == (EdgeKind.ODOMETRY if j == i + 1 else EdgeKind.COVISIBILITY)
        assert np.linalg.eigvalsh(edge.information)[0] > 0
    assert [e for e in graph.edges if e.i < 2] == old[:2]


def test_the_graphs_optimum_is_where_alignment_put_it(maps: MapCache, graph: PoseGraph) -> None:
    align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG)
    for edge in graph.edges_among(WINDOW):
        assert graph.squared_distance(edge) < 1e-9
    aligned = {k: S.copy() for k, S in graph.poses.items()}
    assert graph.optimise() < 1e-6
    for k, S in aligned.items():
        np.testing.assert_allclose(graph.poses[k], S, atol=1e-6)


def test_edges_that_lead_out_of_the_window_stay(maps: MapCache, graph: PoseGraph) -> None:
    loop = Edge(0, 6, inverse_similarity(TRUTH[0]) @ TRUTH[6], np.eye(7), EdgeKind.LOOP)
    graph.add_edge(loop)
    align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG)
    assert any(e is loop for e in graph.edges)


def test_keyframes_that_recognise_little_make_no_edge(
    maps: MapCache, graph: PoseGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapper.backend.alignment.online.MIN_MATCHES", 10_000)
    old = list(graph.edges)
    assert align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG) == []
    assert list(graph.edges) == old


def test_too_few_keyframes_wait(maps: MapCache, graph: PoseGraph) -> None:
    before = graph.poses[1].copy()
    assert align_newest([0, 1], graph, maps, ONLINE, CONFIG) == []
    np.testing.assert_array_equal(graph.poses[1], before)


def test_poses_that_are_not_finite_are_not_taken(
    maps: MapCache, graph: PoseGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(task: AlignmentTask, *arguments: object) -> GlobalAlignment:
        found = align_globally(task, *arguments)  # type: ignore[arg-type]
        found.poses[5][:] = np.nan
        return found

    monkeypatch.setattr("mapper.backend.alignment.alignment.align_globally", broken)
    before, old = {k: S.copy() for k, S in graph.poses.items()}, list(graph.edges)
    assert align_newest(list(TRUTH), graph, maps, ONLINE, CONFIG) == []
    assert list(graph.edges) == old
    for k, S in before.items():
        np.testing.assert_array_equal(graph.poses[k], S)


def test_the_number_of_threads_is_given_back(maps: MapCache, graph: PoseGraph) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        align_newest(list(TRUTH), graph, maps, replace(ONLINE, rounds=1), CONFIG)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"rounds": 0}, {"window": 2}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(wrong))}=.* expected"):
        OnlineAlignmentConfig(**wrong)


def test_edges_among_are_those_with_both_ends_inside(graph: PoseGraph) -> None:
    assert {(e.i, e.j) for e in graph.edges_among([2, 3, 4, 6])} == {(2, 3), (3, 4)}
    assert graph.edges_among([5]) == []


def test_replaced_edges_go_in_either_direction(graph: PoseGraph) -> None:
    """Also where they were several and of other kinds."""
    S = inverse_similarity(TRUTH[3]) @ TRUTH[4]
    graph.add_edge(Edge(4, 3, inverse_similarity(S), np.eye(7), EdgeKind.LOOP))
    count = len(graph.edges)
    better = Edge(3, 4, S, 1e4 * np.eye(7), EdgeKind.COVISIBILITY)
    graph.replace_edges([better])
    assert len(graph.edges) == count - 1
    assert [e for e in graph.edges_among([3, 4])] == [better]
    graph.optimise()
    np.testing.assert_allclose(inverse_similarity(graph.poses[3]) @ graph.poses[4], S, atol=1e-6)


def test_a_better_edge_may_be_the_first_between_two_worlds(graph: PoseGraph) -> None:
    graph.add_pose(8, moved(z=9.0))
    edge = Edge(7, 8, moved(0.1), np.eye(7), EdgeKind.ODOMETRY)
    graph.replace_edges([edge])
    assert graph.component_of()[8] == 0
    np.testing.assert_allclose(graph.poses[8], graph.poses[7] @ moved(0.1), atol=1e-9)

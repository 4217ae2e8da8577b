"""A map is settled: aligned where that is asked for, and left alone where it fails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mapper.backend.alignment.alignment import AlignmentTask, GlobalAlignment, align_globally
from mapper.backend.alignment.refined_maps import RefinementConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.settlement import Settlement, settle
from mapper.core.sim3 import inverse_similarity, similarity
from tests.support.plane_views import CONFIG, moved, plane_map
from tests.support.room_views import Room

TRUTH = {k: moved(0.08 * k, 0.02 * k * k, yaw=-0.01 * k) for k in range(4)}


@pytest.fixture
def maps() -> MapCache:
    cache = MapCache(None, 64)
    for k, T in TRUTH.items():
        cache.put(k, plane_map(T))
    return cache


@pytest.fixture
def graph() -> PoseGraph:
    """A chain whose positions and scales are some centimetres and per cent off."""
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    for k, T in TRUTH.items():
        off = T.copy()
        off[:3, 3] += 0.02 * k * np.array([1.0, -0.5, 0.5])
        graph.add_pose(k, similarity(1 + 0.01 * k, off))
    for k in range(3):
        S = inverse_similarity(graph.poses[k]) @ graph.poses[k + 1]
        graph.add_edge(Edge(k, k + 1, S, 100 * np.eye(7), EdgeKind.ODOMETRY))
    return graph


def error(graph: PoseGraph) -> float:
    return max(float(np.abs(graph.poses[k] - TRUTH[k]).max()) for k in TRUTH)


def test_alignment_moves_the_graphs_poses(maps: MapCache, graph: PoseGraph) -> None:
    rounds: list[tuple[int, int]] = []
    before = error(graph)
    settlement = settle(range(4), graph, maps, CONFIG, True, lambda *r: rounds.append(r))
    assert settlement.alignment is not None
    assert error(graph) < 0.3 * before
    assert all(graph.poses[k] is settlement.alignment.poses[k] for k in TRUTH)
    assert set(settlement.corrections) == set(TRUTH)
    assert settlement.corrections[0].shape == (3, 4)
    assert rounds[0] == (1, CONFIG.rounds)


def test_without_alignment_nothing_is_done(maps: MapCache, graph: PoseGraph) -> None:
    before = {k: S.copy() for k, S in graph.poses.items()}
    assert settle(range(4), graph, maps, CONFIG, False) == Settlement()
    for k, S in before.items():
        np.testing.assert_array_equal(graph.poses[k], S)


def test_a_single_keyframe_is_left_where_it_is(maps: MapCache, graph: PoseGraph) -> None:
    settlement = settle([2], graph, maps, CONFIG, True)
    assert settlement.alignment is None and settlement.pairs == []


def test_keyframes_that_are_not_named_stay(maps: MapCache, graph: PoseGraph) -> None:
    before = graph.poses[3].copy()
    settlement = settle([0, 1, 2], graph, maps, CONFIG, True)
    np.testing.assert_array_equal(graph.poses[3], before)
    assert set(settlement.corrections) == {0, 1, 2}
    assert all(3 not in pair for pair in settlement.pairs)


def _not_finite(*arguments: object) -> GlobalAlignment:
    task, map_of, config, progress = arguments
    assert isinstance(task, AlignmentTask)
    found = align_globally(task, map_of, config, progress)  # type: ignore[arg-type]
    found.poses[2][0, 3] = np.nan
    return found


def _singular(*_: object) -> GlobalAlignment:
    raise RuntimeError("Indeterminate linear system")


@pytest.mark.parametrize("failure", [_not_finite, _singular])
def test_a_failed_alignment_is_rolled_back(
    maps: MapCache,
    graph: PoseGraph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Callable[..., GlobalAlignment],
) -> None:
    before = {k: S.copy() for k, S in graph.poses.items()}
    monkeypatch.setattr("mapper.backend.alignment.alignment.align_globally", failure)
    settlement = settle(range(4), graph, maps, CONFIG, True)
    assert settlement.alignment is None and not settlement.corrections
    assert "rolled back" in caplog.text
    for k, S in before.items():
        np.testing.assert_array_equal(graph.poses[k], S)


def test_edges_that_contradict_the_graph_take_no_part(
    maps: MapCache, graph: PoseGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Edge] = []

    def note(task: AlignmentTask, *_: object) -> None:
        given.extend(task.edges)

    monkeypatch.setattr("mapper.backend.alignment.alignment.try_to_align", note)
    graph.add_edge(Edge(0, 3, moved(5.0), 1e4 * np.eye(7), EdgeKind.LOOP))
    settle(range(4), graph, maps, CONFIG, True)
    assert [(e.i, e.j) for e in given] == [(0, 1), (1, 2), (2, 3)]


def test_the_maps_to_fuse_are_corrected_and_averaged(room: Room) -> None:
    cache = MapCache(None, 64)
    truth = {k: room.relative(0, 4 * k) for k in range(3)}
    for k in truth:
        cache.put(k, KeyframeMap.of(room.prediction(4 * k)))
    corrections = {k: np.full((3, 4), 0.1) for k in truth}
    settlement = Settlement(corrections, [(0, 1), (1, 2), (0, 2)])
    apart = settlement.refined_maps(RefinementConfig(neighbours=0), cache, truth).map(1)
    np.testing.assert_allclose(apart.depth, cache.map(1).depth * np.exp(0.1), rtol=1e-5)
    grown = {k: similarity(float(np.exp(-0.1)), S) for k, S in truth.items()}
    together = settlement.refined_maps(RefinementConfig(), cache, grown).map(1)
    # What one view has averaged with two others is worth more than by itself.
    assert together.weight.sum() > 1.8 * cache.map(1).weight.sum()

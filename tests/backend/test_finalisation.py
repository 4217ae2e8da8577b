"""A map is finalised: aligned where that is asked for, and left alone where it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.alignment.alignment import AlignmentTask, GlobalAlignment, align_globally
from mapper.backend.alignment.refined_maps import RefinementConfig
from mapper.backend.finalisation import globally_aligned, optimised_map
from mapper.backend.global_map import GlobalMap, followed
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.core.sim3 import inverse_similarity, similarity
from tests.support.plane_views import CONFIG, moved, plane_maps
from tests.support.room_views import Room

TRUTH = {k: moved(0.08 * k, 0.02 * k * k, yaw=-0.01 * k) for k in range(4)}


@pytest.fixture
def maps() -> MapCache:
    return plane_maps(TRUTH)


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


def error(poses: dict[int, np.ndarray]) -> float:
    return max(float(np.abs(poses[k] - TRUTH[k]).max()) for k in TRUTH)


def final_map(graph: PoseGraph, left_out: list[int] | None = None) -> GlobalMap:
    """As it is before it is aligned. Alignment asks for no more of a keyframe than its id."""
    return GlobalMap([], dict(graph.poses), left_out=left_out or [])


def test_alignment_moves_the_poses_and_leaves_the_graph(maps: MapCache, graph: PoseGraph) -> None:
    rounds: list[tuple[int, int]] = []
    before = {k: S.copy() for k, S in graph.poses.items()}
    final = globally_aligned(
        final_map(graph), graph, maps, CONFIG, lambda *each: rounds.append(each)
    )
    assert final.alignment is not None and final.is_aligned
    assert error(final.poses) < 0.3 * error(before)
    assert all(final.poses[k] is final.alignment.poses[k] for k in TRUTH)
    assert set(final.corrections) == set(TRUTH)
    assert final.corrections[0].shape == (3, 4)
    for k, S in before.items():
        np.testing.assert_array_equal(graph.poses[k], S)
    assert rounds[0] == (1, CONFIG.rounds)


def test_what_a_frontend_adjusted_stays_and_its_depths_alone_are_corrected(
    maps: MapCache, graph: PoseGraph
) -> None:
    graph.replace_edges([replace(e, kind=EdgeKind.ADJUSTED) for e in list(graph.edges)])
    before = {k: S.copy() for k, S in graph.poses.items()}
    final = globally_aligned(final_map(graph), graph, maps, CONFIG)
    assert final.is_aligned and set(final.corrections) == set(TRUTH)
    for k, S in before.items():
        np.testing.assert_allclose(final.poses[k], S, atol=1e-5)  # through pypose's exp
    assert max(float(np.abs(grid).max()) for grid in final.corrections.values()) > 1e-4


def test_a_single_keyframe_is_left_where_it_is(maps: MapCache, graph: PoseGraph) -> None:
    alone = final_map(graph, left_out=[0, 1, 3])
    assert globally_aligned(alone, graph, maps, CONFIG) is alone


def test_what_is_left_out_follows_its_neighbour(maps: MapCache, graph: PoseGraph) -> None:
    before = {k: S.copy() for k, S in graph.poses.items()}
    final = globally_aligned(final_map(graph, left_out=[3]), graph, maps, CONFIG)
    assert list(final.poses) == [0, 1, 2, 3] and list(final.fused_poses) == [0, 1, 2]
    kept = inverse_similarity(before[2]) @ before[3]
    np.testing.assert_allclose(inverse_similarity(final.poses[2]) @ final.poses[3], kept, atol=1e-9)
    assert np.abs(final.poses[3] - before[3]).max() > 1e-3
    assert set(final.corrections) == {0, 1, 2}
    assert all(3 not in pair for pair in final.pairs)


def test_the_nearest_in_time_is_followed_and_of_two_the_earlier() -> None:
    before = {k: moved(float(k)) for k in (2, 5, 6, 8)}
    aligned = {2: moved(2.0, 1.0), 6: moved(6.0, 3.0)}
    found = followed(before, aligned)
    assert list(found) == [2, 5, 6, 8] and found[6] is aligned[6]
    np.testing.assert_allclose(found[5], moved(5.0, 3.0), atol=1e-12)
    of_two = followed(before, {2: aligned[2], 8: moved(8.0)})
    np.testing.assert_allclose(of_two[5], moved(5.0, 1.0), atol=1e-12)


def test_the_map_at_the_optimum_names_the_loops_that_it_contradicts(graph: PoseGraph) -> None:
    wrong = Edge(0, 3, moved(5.0), 1e4 * np.eye(7), EdgeKind.LOOP)
    S = inverse_similarity(graph.poses[0]) @ graph.poses[2]
    graph.add_edge(wrong)
    graph.add_edge(Edge(0, 2, S, 1e4 * np.eye(7), EdgeKind.LOOP))
    assert optimised_map([], graph).dropped_loops == {(0, 3)}


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
    given = final_map(graph)
    assert globally_aligned(given, graph, maps, CONFIG) is given and not given.is_aligned
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
    globally_aligned(final_map(graph), graph, maps, CONFIG)
    assert [(e.i, e.j) for e in given] == [(0, 1), (1, 2), (2, 3)]


def test_the_maps_to_fuse_are_corrected_and_averaged(room: Room) -> None:
    cache = MapCache(None, 64)
    truth = {k: room.relative(0, 4 * k) for k in range(3)}
    for k in truth:
        cache.put(k, KeyframeMap.of(room.prediction(4 * k)))
    corrections = {k: np.full((3, 4), 0.1) for k in truth}
    final = GlobalMap([], truth, corrections, [(0, 1), (1, 2), (0, 2)])
    apart = final.maps_to_fuse(RefinementConfig(neighbours=0), cache.map)(1)
    np.testing.assert_allclose(apart.depth, cache.map(1).depth * np.exp(0.1), rtol=1e-5)
    grown = {k: similarity(float(np.exp(-0.1)), S) for k, S in truth.items()}
    together = replace(final, poses=grown).maps_to_fuse(RefinementConfig(), cache.map)(1)
    # What one view has averaged with two others is worth more than by itself.
    assert together.weight.sum() > 1.8 * cache.map(1).weight.sum()

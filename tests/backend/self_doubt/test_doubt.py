"""A map that was bent on purpose is doubted, when and by how much it was; a right one is not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.self_doubt.doubt import SelfDoubt, doubt
from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import exp_se3, inverse
from mapper.core.prediction import Prediction
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, keyframe_of

FRAMES = (0, 6, 12, 18, 234, 228, 222, 216)  # of the loop: the last four see the first ones again
SLID = 4  # from this keyframe on the bent maps are wrong
SLIDE = exp_se3(np.array([0.0, 0.0, 0.0, 0.2, 0.0, 0.2]))  # 28 cm
CERTAIN = np.diag([1e6] * 3 + [2.5e5] * 3 + [1e6])  # 1 mrad, 2 mm


def doubted(
    predictions: list[Prediction], poses: dict[int, np.ndarray], edges: Collection[Edge] = ()
) -> SelfDoubt:
    """By a graph that has these edges, with its poses where the map has them."""
    maps, graph = MapCache(None, 20), PoseGraph()
    keyframes = [keyframe_of(k, prediction) for k, prediction in enumerate(predictions)]
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
        graph.add_pose(k, poses[k])
    for edge in edges:
        graph.add_edge(edge)
    return doubt(GlobalMap(keyframes, poses), graph, maps, OrbMatcher(), EdgeConfig().alignment)


@pytest.fixture(scope="module")
def predictions(room: Room) -> list[Prediction]:
    return [replace(room.prediction(f), timestamp=float(k)) for k, f in enumerate(FRAMES)]


@pytest.fixture(scope="module")
def true_poses(predictions: list[Prediction]) -> dict[int, np.ndarray]:
    return {k: prediction.T_world_camera for k, prediction in enumerate(predictions)}


def slid(poses: dict[int, np.ndarray], motion: np.ndarray) -> dict[int, np.ndarray]:
    """The last keyframes as one body, moved with the first of them: the room is drawn twice."""
    base = poses[SLID]
    moved = base @ motion @ inverse(base)
    return {k: moved @ T if k >= SLID else T for k, T in poses.items()}


def edges_between(poses: dict[int, np.ndarray]) -> list[Edge]:
    """Of a chain and of loops, as true as the poses."""
    pairs = [(k, k + 1) for k in range(len(poses) - 1)] + [(0, 4), (1, 5), (2, 6), (3, 7)]
    kinds = [EdgeKind.ODOMETRY if j == i + 1 else EdgeKind.LOOP for i, j in pairs]
    return [
        Edge(i, j, inverse(poses[i]) @ poses[j], CERTAIN, kind)
        for (i, j), kind in zip(pairs, kinds, strict=True)
    ]


def test_a_right_map_is_not_doubted(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    found = doubted(predictions, true_poses, edges_between(true_poses))
    assert found.stretches == () and found.contradicting == 0
    assert found.pairs >= 15 and found.worst < 0.06
    assert found.edges.contradicted == () and found.edges.open_cycles == ()


def test_a_room_drawn_twice_is_told_with_its_time_and_its_size(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    found = doubted(predictions, slid(true_poses, SLIDE))
    (stretch,) = found.stretches
    assert (stretch.start, stretch.end) == (SLID, len(FRAMES) - 1)
    assert stretch.against < SLID and stretch.pairs == found.contradicting >= 5
    assert stretch.fit is not None and abs(stretch.fit.shift - 0.28) < 0.05
    assert stretch.fit.turn_deg < 2


def test_what_is_off_by_less_than_shows_is_not_told(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    small = exp_se3(np.array([0.0, 0.005, 0.0, 0.01, 0.0, 0.01]))
    assert doubted(predictions, slid(true_poses, small)).stretches == ()


def test_a_person_who_walked_through_is_no_reason_to_doubt(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    """A third of the view is hidden by a body in two of the keyframes, elsewhere in each."""
    disturbed = list(predictions)
    for k, columns in ((5, slice(0, 100)), (6, slice(220, 320))):
        pointmap = predictions[k].pointmap.copy()
        near = pointmap[:, columns]
        nearer = np.where(near[..., 2:] > 0, 1.0 / np.maximum(near[..., 2:], 1e-6), 0.0)
        pointmap[:, columns] = near * nearer  # all of it 1 m away
        disturbed[k] = replace(predictions[k], pointmap=pointmap.astype(np.float32))
    found = doubted(disturbed, true_poses)
    assert found.stretches == ()
    assert found.worst > 0.06  # it was seen, and understood


def test_a_graph_that_was_pulled_apart_is_doubted_where_no_surface_says_so(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    """Blank views of an empty hall: only the edges contradict, by 28 cm."""
    far = np.zeros_like(predictions[0].pointmap)
    blank = [replace(prediction, pointmap=far) for prediction in predictions]
    for each in blank:
        each.pointmap[0, 0] = (0.0, 0.0, 2.0)
    edges = edges_between(true_poses)
    found = doubted(blank, slid(true_poses, SLIDE), edges)
    assert found.pairs == 0 and len(found.edges.contradicted) == 5  # one step and four loops
    (stretch,) = found.stretches
    assert (stretch.start, stretch.end) == (SLID, len(FRAMES) - 1)
    assert stretch.fit is not None and abs(stretch.fit.shift - 0.28) < 0.02


def test_a_networks_map_says_how_well_it_hangs_together(
    predictions: list[Prediction], true_poses: dict[int, np.ndarray]
) -> None:
    """By its edges, which are known to a hundredth of what the loose ones are."""
    network = [replace(prediction, noise=LEARNED) for prediction in predictions]
    assert doubted(predictions, true_poses, edges_between(true_poses)).places is None
    firm = doubted(network, true_poses, edges_between(true_poses)).places
    loose = [replace(e, information=1e-4 * e.information) for e in edges_between(true_poses)]
    loosely = doubted(network, true_poses, loose).places
    assert firm is not None and loosely is not None and not firm.is_bad
    assert loosely.rms == pytest.approx(100 * firm.rms, rel=1e-3)

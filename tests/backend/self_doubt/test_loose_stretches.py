"""What a chain with a loose step is known to, by values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.self_doubt.loose_stretches import LooseStretch, loose_stretches
from mapper.core.geometry import pose
from tests.support.room_views import Room, keyframe_of

Ask = Callable[..., list[LooseStretch]]

KEYFRAMES = 8  # the one in the middle is number 4
SURE, LOOSE, TURN = 0.01, 0.3, 1e-4  # metres, metres and radians: of steps


def shift(x: float) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0.0, 0.0]))


def edge(i: int, j: int, sigma: float, off: float = 0.0) -> Edge:
    information = np.diag([1 / TURN**2] * 3 + [1 / sigma**2] * 3 + [1.0])
    kind = EdgeKind.ODOMETRY if j == i + 1 else EdgeKind.LOOP
    return Edge(i, j, shift(0.1 * (j - i) + off), information, kind)


def chain(loose: Collection[int]) -> list[Edge]:
    """loose: after which keyframes nobody knows how far the next one is."""
    return [edge(k, k + 1, LOOSE if k in loose else SURE) for k in range(KEYFRAMES - 1)]


@pytest.fixture(scope="module")
def found(room: Room) -> Ask:
    """Asks a map whose graph has these edges; a keyframe a second."""
    prediction = room.prediction(0)
    keyframes = [
        keyframe_of(k, replace(prediction, frame_index=k, timestamp=float(k)))
        for k in range(KEYFRAMES)
    ]

    def ask(
        edges: Collection[Edge], scale: Literal["free", "fixed"] = "fixed"
    ) -> list[LooseStretch]:
        poses = {k: shift(0.1 * k) for k in range(KEYFRAMES)}
        graph = PoseGraph(PoseGraphConfig(scale=scale))
        for k, S in poses.items():
            graph.add_pose(k, S)
        for each in edges:
            graph.add_edge(each)
        return loose_stretches(GlobalMap(keyframes, poses), graph)

    return ask


def test_what_comes_before_a_loose_step_is_known_no_better_than_the_step(found: Ask) -> None:
    (stretch,) = found(chain({1}))
    assert (stretch.start, stretch.end, stretch.against) == (0.0, 1.0, 4.0)
    assert stretch.sigma == pytest.approx(np.hypot(LOOSE, np.sqrt(3) * SURE), rel=0.01)


def test_what_lies_beyond_either_of_two_loose_steps_is_told_apart(found: Ask) -> None:
    before, after = found(chain({0, 6}))
    assert (before.start, before.end, after.start, after.end) == (0.0, 0.0, 7.0, 7.0)


def test_a_sure_way_around_makes_a_loose_step_known(found: Ask) -> None:
    assert found([*chain({1}), edge(0, 7, SURE)]) == []


def test_a_way_around_that_the_graph_gave_up_makes_nothing_known(found: Ask) -> None:
    (stretch,) = found([*chain({1}), edge(0, 7, SURE, off=5.0)])
    assert stretch.end == 1.0


def test_a_sure_chain_and_one_whose_scales_are_free_are_not_spoken_of(found: Ask) -> None:
    assert found(chain(())) == []
    assert found(chain({1}), "free") == []

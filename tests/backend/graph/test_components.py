"""The map is the connected part of the graph that holds the most frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mapper.backend.graph.components import main_keyframes
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph


@dataclass
class Stretch:
    """What is asked of a keyframe."""

    id: int
    frame_count: int


def graph_of(count: int, *pairs: tuple[int, int]) -> PoseGraph:
    graph = PoseGraph()
    for k in range(count):
        graph.add_pose(k, np.eye(4))
    for i, j in pairs:
        graph.add_edge(Edge(i, j, np.eye(4), np.eye(7), EdgeKind.ODOMETRY))
    return graph


def main_of(counts: list[int], *pairs: tuple[int, int]) -> list[int]:
    keyframes = [Stretch(k, count) for k, count in enumerate(counts)]
    return [k.id for k in main_keyframes(keyframes, graph_of(len(counts), *pairs))]


def test_a_connected_graph_is_the_map() -> None:
    assert main_of([1, 1, 1], (0, 1), (1, 2)) == [0, 1, 2]
    assert main_of([]) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([1, 1, 5, 1], [2, 3]),  # six frames against two
        ([4, 1, 1, 1], [0, 1]),
        ([2, 1, 2, 1], [0, 1]),  # as many: the earlier part, so that it is told apart
    ],
)
def test_frames_count_and_not_keyframes(counts: list[int], expected: list[int]) -> None:
    assert main_of(counts, (0, 1), (2, 3)) == expected


def test_a_loop_joins_the_parts() -> None:
    assert main_of([1, 1, 5, 1], (0, 1), (2, 3), (1, 3)) == [0, 1, 2, 3]

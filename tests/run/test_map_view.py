"""What is shown of a map that grows, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.moving.layer import MovingPoints
from mapper.core.frame import Frame
from mapper.io.viewer.map_logger import NullLogger
from mapper.run.map_view import MapView
from mapper.slam.recorder import MapNow

KEYFRAMES = 100


class Drawn(NullLogger):
    """Counts how often all edges are drawn."""

    times = 0

    def edges(self, *_: object, **__: object) -> None:
        self.times += 1


@pytest.fixture
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture
def view(drawn: Drawn) -> MapView:
    return MapView(drawn, 100)


def draw(view: MapView, opened: int, kind: EdgeKind, moved: int = 0) -> None:
    """What is done when a keyframe opens in a map of KEYFRAMES."""
    edge = Edge(0, opened, np.eye(4), np.eye(7), kind)
    poses = {k: np.eye(4) for k in range(KEYFRAMES)}
    update = GraphUpdate(edges=(edge,), poses=poses, graph_edges=[edge])
    view._draw_edges(update, opened, range(moved))


def test_edges_are_drawn_at_the_first_loop_and_then_now_and_again(
    view: MapView, drawn: Drawn
) -> None:
    draw(view, 50, EdgeKind.COVISIBILITY)
    assert drawn.times == 0
    times = []
    for opened in range(51, 61):
        draw(view, opened, EdgeKind.LOOP)
        times.append(drawn.times)
    assert times == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_loop_that_was_not_drawn_is_drawn_later(view: MapView, drawn: Drawn) -> None:
    for opened in (51, 52):
        draw(view, opened, EdgeKind.LOOP)
    for opened in (56, 57, 70):
        draw(view, opened, EdgeKind.COVISIBILITY)
    assert drawn.times == 2


def test_a_loop_that_moves_the_map_is_drawn_at_once(view: MapView, drawn: Drawn) -> None:
    draw(view, 51, EdgeKind.LOOP)
    draw(view, 52, EdgeKind.LOOP, moved=KEYFRAMES // 2)
    assert drawn.times == 1
    draw(view, 53, EdgeKind.LOOP, moved=KEYFRAMES // 2 + 1)
    assert drawn.times == 2


class Layer(NullLogger):
    """Notes when how much of what moved is shown."""

    def __init__(self) -> None:
        self.now: tuple[int, float] = (0, 0.0)
        self.shown: list[tuple[tuple[int, float], int]] = []

    def at(self, index: int, timestamp: float) -> None:
        self.now = index, timestamp

    def moving(self, points: np.ndarray) -> None:
        self.shown.append((self.now, len(points)))


class Moved:
    """A map whose keyframes saw so many points of what moved."""

    def __init__(self, counts: list[int]) -> None:
        self._counts = counts

    def moving_points(self) -> Iterator[MovingPoints]:
        for number, count in enumerate(self._counts):
            points = np.zeros((count, 3), np.float32)
            yield MovingPoints(10 * number, float(number), points, points.astype(np.uint8))


def shown(counts: list[int]) -> list[tuple[tuple[int, float], int]]:
    layer = Layer()
    view = MapView(layer, 100)
    view.frame(Frame(99, 9.9, np.zeros((2, 2, 3), np.uint8)), None, "tracking", {})
    view._show_moving(cast(MapNow, Moved(counts)))
    assert layer.now == (99, 9.9)  # where the rest of the end is shown
    return layer.shown


def test_what_moved_is_shown_when_it_was_seen_and_vanishes_after() -> None:
    assert shown([0, 7, 5, 0, 0]) == [((10, 1.0), 7), ((20, 2.0), 5), ((30, 3.0), 0)]
    assert shown([0, 0, 7]) == [((20, 2.0), 7), ((99, 9.9), 0)]
    assert shown([500]) == [((0, 0.0), 100), ((99, 9.9), 0)]
    assert shown([0, 0]) == []

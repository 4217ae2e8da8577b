"""What is shown of a map that grows, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph_update import GraphUpdate
from mapper.io.viewer.map_logger import NullLogger
from mapper.run.map_view import MapView

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

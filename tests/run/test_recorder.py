"""What the recorder shows, and how often."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mapper.backend.backend import GraphUpdate
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.config.settings import RecordingConfig
from mapper.io.viewer.map_logger import NullLogger
from mapper.run.directory import RunDirectory
from mapper.run.recorder import RunRecorder

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
def recorder(drawn: Drawn, tmp_path: Path) -> RunRecorder:
    return RunRecorder(RunDirectory.create(tmp_path / "run", False), RecordingConfig(), drawn)


def draw(recorder: RunRecorder, opened: int, kind: EdgeKind, moved: int = 0) -> None:
    """What is done when a keyframe opens in a map of KEYFRAMES."""
    edge = Edge(0, opened, np.eye(4), np.eye(7), kind)
    poses = {k: np.eye(4) for k in range(moved)}
    graph = SimpleNamespace(edges=[edge], poses={0: np.eye(4), opened: np.eye(4)})
    backend: Any = SimpleNamespace(keyframes=range(KEYFRAMES), graph=graph)
    new: Any = SimpleNamespace(id=opened)
    recorder._draw_edges(GraphUpdate(edges=(edge,)), new, poses, backend)


def test_edges_are_drawn_at_the_first_loop_and_then_now_and_again(
    recorder: RunRecorder, drawn: Drawn
) -> None:
    draw(recorder, 50, EdgeKind.COVISIBILITY)
    assert drawn.times == 0
    times = []
    for opened in range(51, 61):
        draw(recorder, opened, EdgeKind.LOOP)
        times.append(drawn.times)
    assert times == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_loop_that_was_not_drawn_is_drawn_later(recorder: RunRecorder, drawn: Drawn) -> None:
    for opened in (51, 52):
        draw(recorder, opened, EdgeKind.LOOP)
    for opened in (56, 57, 70):
        draw(recorder, opened, EdgeKind.COVISIBILITY)
    assert drawn.times == 2


def test_a_loop_that_moves_the_map_is_drawn_at_once(recorder: RunRecorder, drawn: Drawn) -> None:
    draw(recorder, 51, EdgeKind.LOOP)
    draw(recorder, 52, EdgeKind.LOOP, moved=KEYFRAMES // 2)
    assert drawn.times == 1
    draw(recorder, 53, EdgeKind.LOOP, moved=KEYFRAMES // 2 + 1)
    assert drawn.times == 2

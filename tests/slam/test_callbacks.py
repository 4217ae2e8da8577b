"""What a caller's functions are told of loops, which come and may go again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from mapper import Callbacks, LoopEvent
from mapper.backend.graph.edge import EdgeKind
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.loops.loop_decision import LoopDecision, Refusal
from mapper.slam.checkpoint import Checkpoint

NOW: Any = SimpleNamespace(poses={0: np.eye(4)})


def decision(refusal: Refusal | None, kind: EdgeKind = EdgeKind.LOOP, j: int = 9) -> LoopDecision:
    return LoopDecision(2, j, kind, "features", 12, refusal, None, None)


def update(*decisions: LoopDecision) -> GraphUpdate:
    return GraphUpdate(decisions=decisions)


def test_a_loop_is_told_once_and_told_again_when_it_is_taken_back() -> None:
    events: list[LoopEvent] = []
    told = Callbacks(on_loop=events.append)
    for step in (
        update(decision(Refusal.OVERLAP), decision(None)),
        update(decision(None), decision(None, EdgeKind.ODOMETRY, 3)),
        update(decision(Refusal.CYCLE)),
        update(decision(Refusal.CYCLE)),
    ):
        told.update(step, NOW, Checkpoint())
    assert events == [LoopEvent(2, 9, True), LoopEvent(2, 9, False)]


def test_poses_that_were_told_stay_as_they_were() -> None:
    events: list[Any] = []
    told = Callbacks(on_update=events.append)
    told.update(GraphUpdate(), NOW, Checkpoint())  # no keyframe opened: nobody is told
    told.finish(GraphUpdate(), NOW)
    NOW.poses[0][0, 3] = 5
    (event,) = events
    assert event.is_final and event.poses[0][0, 3] == 0

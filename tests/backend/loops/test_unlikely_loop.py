"""Features may speak for a place that light does not, but not against one that explains more."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.edge import EdgeKind
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops import loop_closer
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_candidates import Candidate
from mapper.backend.loops.loop_closer import LoopCloser, LoopCloserConfig, Pair
from mapper.backend.loops.loop_decision import Measured, Refusal
from mapper.backend.loops.second_opinion import Opinion, Support
from mapper.core.geometry import exp_se3
from mapper.vision.dense_alignment import Alignment
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, keyframe_of

UNLIKELY = Measured(0.3, 0.9, 0.01, 0.5, 1.0, 0.1, None, 0.01), (Refusal.UNLIKELY, 0.35)


@pytest.mark.parametrize(
    ("graph", "is_refused"),
    [("right", True), ("drifted", False), ("another world", False)],
)
def test_a_place_that_repeats_itself_is_no_loop_where_the_graph_knows_better(
    room: Room, monkeypatch: pytest.MonkeyPatch, graph: str, is_refused: bool
) -> None:
    """Where light says that it is unlikely: half a metre aside of where the graph rightly has it,
    or in the right place, from which the graph has drifted or which it does not know."""
    true = room.relative(0, 4)
    aside = true @ exp_se3(np.array([0, 0.1, 0, 0.5, 0, 0]))
    drifted = true @ exp_se3(np.array([0, 0.6, 0, 1.5, 0.2, 1.0]))
    has_it = {"right": true, "drifted": drifted, "another world": np.eye(4)}[graph]
    place = aside if graph == "right" else true
    found = Alignment(place, 1.0, 1.0, 0.01, 1e6 * np.eye(7), True, pixels=1000, inliers=1000)
    borne_out = Opinion(found, Support.HOLDS, by_features=True)
    monkeypatch.setattr(loop_closer, "align", lambda *_: found)
    monkeypatch.setattr(loop_closer, "held_alignment", lambda *_: found)
    monkeypatch.setattr(loop_closer, "second_opinion", lambda *_, **__: borne_out)
    monkeypatch.setattr(LoopCloser, "_judged", lambda *_: UNLIKELY)
    maps = MapCache(None, 10)
    old, new = (keyframe_of(k, room.prediction(index)) for k, index in enumerate((0, 4)))
    for k, index in enumerate((0, 4)):
        maps.put(k, KeyframeMap.of(room.prediction(index)))
    closer = LoopCloser(LoopCloserConfig(), EdgeConfig(), OrbMatcher())
    candidate = Candidate(0, EdgeKind.LOOP, "appearance")
    edge, decision = closer.verify(Pair(old, new, has_it, candidate, False), maps)
    assert (edge is None) == is_refused
    assert decision.refusal == (Refusal.UNLIKELY if is_refused else None)

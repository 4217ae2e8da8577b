"""What the dense map remembers between two looks at the graph is true when it looks again."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics

SPECK = KeyframeMap(
    np.ones((2, 2), np.float32),
    np.ones((2, 2), np.float32),
    np.zeros((2, 2, 3), np.uint8),
    Intrinsics(1.0, 1.0, 0.5, 0.5, 2, 2),
)


def at(*heights: float) -> dict[int, np.ndarray]:
    return {k: pose(np.eye(3), np.array([0, 0, z])) for k, z in enumerate(heights)}


@pytest.fixture
def fusion() -> MapFusion:
    fusion = MapFusion(FusionConfig(), lambda keyframe_id: SPECK)
    fusion.sync(at(0, 0, 0))
    return fusion


def test_what_waits_still_waits_when_nothing_has_changed(fusion: MapFusion) -> None:
    assert fusion.sync(at(1, 0, 2), max_moves=0) == 2
    assert fusion.sync(at(1, 0, 2), max_moves=0) == 2
    assert fusion.sync(at(1, 0, 2), max_moves=1) == 1
    assert fusion.sync(at(1, 0, 2)) == 0
    assert fusion.moved == 2


def test_what_comes_back_need_not_move(fusion: MapFusion) -> None:
    assert fusion.sync(at(1, 0, 0), max_moves=0) == 1
    assert fusion.sync(at(0, 0, 0), max_moves=0) == 0


def test_what_left_and_returns_elsewhere_is_where_it_is_wanted(fusion: MapFusion) -> None:
    assert fusion.sync(at(1, 1, 1), max_moves=0) == 3
    fusion.remove(2)
    assert fusion.sync(at(1, 1), max_moves=0) == 2
    assert fusion.sync(at(1, 1, 1), max_moves=0) == 2  # the third went in where it is wanted


def test_only_what_moved_is_judged(fusion: MapFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    judge = MapFusion._judge

    def noted(self: MapFusion, ids: list[int], S_new: np.ndarray) -> None:
        judged.extend(ids)
        judge(self, ids, S_new)

    monkeypatch.setattr(MapFusion, "_judge", noted)
    fusion.sync(at(0, 5, 0), max_moves=0)
    assert judged == [1]

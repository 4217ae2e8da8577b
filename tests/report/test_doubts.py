"""A doubtful map is told in plain words, when and by how much; a good one is not spoken of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.core.trajectory import Trajectory
from mapper.report.data import ReportData
from mapper.report.doubts import clock, doubts
from mapper.report.figures import draw_doubtful
from mapper.report.verdict import verdict

STRETCH = {"start_s": 12.2, "end_s": 19.0, "against_s": 3.4, "distance": 0.1}


def metrics(units: str = "metres", **found: Any) -> dict[str, Any]:
    stretch = {**STRETCH, "shift": 0.234, "turn_deg": 0.4, **found}
    return {"units": units, "self_doubt": {"doubtful": True, "stretches": [stretch]}}


@pytest.mark.parametrize(
    ("found", "end"),
    [
        ({}, "disagree with those of 00:03 by 23 cm."),
        ({"turn_deg": 16.2}, "by 23 cm and 16 degrees."),
        ({"shift": 0.01, "turn_deg": 3.0}, "by 3 degrees."),
        ({"shift": 1.44}, "by 1.4 m."),
        ({"shift": None, "turn_deg": None}, "00:03, whose surfaces lie 10 cm away from theirs."),
    ],
)
def test_a_doubtful_stretch_is_one_sentence(found: dict[str, Any], end: str) -> None:
    (sentence,) = doubts(metrics(**found))
    assert sentence.startswith("This map is probably wrong between 00:12 and 00:19: the views ")
    assert sentence.endswith(end)


def test_a_single_moment_and_a_map_without_metres() -> None:
    (sentence,) = doubts(metrics("units", end_s=12.3))
    assert "wrong at 00:12:" in sentence and sentence.endswith("by 0.23 units.")


def test_a_good_map_and_one_that_nobody_asked_are_not_spoken_of() -> None:
    assert doubts({"units": "metres"}) == []
    assert doubts({"self_doubt": {"doubtful": False, "stretches": []}}) == []


def test_a_join_that_nothing_confirms_is_told() -> None:
    joins = [{"before_s": 5.0, "after_s": 11.2}]
    (sentence,) = doubts({"self_doubt": {"doubtful": False, "joins_unconfirmed": joins}})
    assert sentence.startswith("What comes after 00:11 may be in the wrong place")
    assert "lost from 00:05 on" in sentence


def test_times_are_those_of_a_clock() -> None:
    assert [clock(s) for s in (0.0, 59.6, 61.0, 3725.0)] == ["00:00", "01:00", "01:01", "1:02:05"]


def test_the_verdict_is_not_proud_of_a_doubtful_map(tmp_path: Path) -> None:
    poses = Trajectory(np.arange(3.0), np.tile(np.eye(4), (3, 1, 1)))
    good = ReportData("run", "rgbd", {}, poses)
    assert verdict(good).endswith("never lost.")
    doubtful = verdict(replace(good, metrics=metrics()))
    assert "never lost" not in doubtful and "the map contradicts itself" in doubtful
    lost = verdict(replace(good, metrics=metrics() | {"lost": 2}))
    assert lost.endswith("lost for 2 frames, and the map contradicts itself.")


class Axes:
    """Takes down what is drawn, and as what."""

    def __init__(self) -> None:
        self.drawn: list[tuple[list[float], list[float], str | None]] = []

    def plot(self, x: np.ndarray, y: np.ndarray, label: str | None = None, **_: object) -> None:
        self.drawn.append((np.round(x, 6).tolist(), np.round(y, 6).tolist(), label))


def test_the_doubtful_part_of_the_way_is_marked_from_the_frame_before_it() -> None:
    poses = np.tile(np.eye(4), (6, 1, 1))
    poses[:, 0, 3], poses[:, 1, 3] = np.arange(6.0), -0.5
    way = Trajectory(100 + np.arange(6.0), poses)
    report = ReportData("run", "rgbd", metrics(start_s=2.0, end_s=3.0), way)
    plan, height = Axes(), Axes()
    draw_doubtful(plan, height, report)  # type: ignore[arg-type]
    assert plan.drawn == [([1.0, 2.0, 3.0], [0.0] * 3, "probably wrong")]
    assert height.drawn == [([1.0, 2.0, 3.0], [0.5] * 3, None)]

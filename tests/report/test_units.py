"""The unit of a map, who told it, and where its plan's axes lead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.core.trajectory import Trajectory
from mapper.report.data import AlignedTruth, ReportData
from mapper.report.figures import draw_doubtful, draw_keyframes_and_loops, trajectory_figure
from mapper.report.page import write_report
from mapper.report.units import grid_step, place_in_words, plan_axes, unit_in_words

GPS = {"name": "walk.gpx", "readings": 90, "agreeing": 85, "units_per_unit": 1.0}
ARKIT = {**GPS, "name": "arkit.txt"}
TAPE = {"name": "the distance 0.8 m", "readings": 1, "agreeing": 1}
ORIGIN = [47.5, -8.25, 401.0]


def _metrics(*sources: dict[str, Any], origin: list[float] | None = None) -> dict[str, Any]:
    return {"priors": {"metric": True, "sources": list(sources), "origin": origin or []}}


def _report(metrics: dict[str, Any], frontend: str = "mono", is_metric: bool = True) -> ReportData:
    """A way to the north that rises, in a world whose z is up."""
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[:, 0, 3], poses[:, 1, 3], poses[:, 2, 3] = 1.0, np.arange(8.0), 0.1 * np.arange(8.0)
    way = Trajectory(np.arange(8.0), poses)
    return ReportData(
        "walk", frontend, metrics, way, is_metric=is_metric, keyframe_positions=way.positions
    )


@pytest.mark.parametrize(
    ("metrics", "frontend", "is_metric", "words"),
    [
        ({}, "mono", False, "a unit of the map's own, up to scale"),
        ({}, "rgbd", True, "metres, by the depth camera"),
        (_metrics(GPS, origin=ORIGIN), "rgbd", True, "metres, by the depth camera"),
        ({}, "predictions", True, "metres, as the frontend says"),
        (_metrics(GPS, origin=ORIGIN), "mono", True, "metres, by GPS (walk.gpx)"),
        (
            _metrics(ARKIT, GPS, origin=ORIGIN),
            "mono",
            True,
            "metres, by GPS and known poses (arkit.txt, walk.gpx)",
        ),
        (_metrics(ARKIT), "mono", True, "metres, by known poses (arkit.txt)"),
        (_metrics(ARKIT), "mono", False, "the unit of the known poses (arkit.txt)"),
        (_metrics(TAPE), "mono", True, "metres, by what was measured (the distance 0.8 m)"),
        ({"priors": {"refused": "no"}}, "mono", False, "a unit of the map's own, up to scale"),
    ],
)
def test_the_unit_and_who_told_it(
    metrics: dict[str, Any], frontend: str, is_metric: bool, words: str
) -> None:
    assert unit_in_words(_report(metrics, frontend, is_metric)) == words


@pytest.mark.parametrize(
    ("extent", "step"),
    [(1e-5, 2e-6), (3.0, 0.5), (6.0, 1.0), (7.0, 2.0), (301.0, 100.0)],
)
def test_a_grid_of_round_squares(extent: float, step: float) -> None:
    assert grid_step(extent) == pytest.approx(step)


class Axes:
    """Takes down what is drawn."""

    def __init__(self) -> None:
        self.drawn: list[list[list[float]]] = []

    def plot(self, x: np.ndarray, y: np.ndarray, *_: object, **__: object) -> None:
        self.drawn.append([np.asarray(x).tolist(), np.asarray(y).tolist()])


def test_a_placed_map_is_seen_with_north_up() -> None:
    report = _report(_metrics(GPS, origin=ORIGIN))
    plan, height = Axes(), Axes()
    draw_keyframes_and_loops(plan, report)  # type: ignore[arg-type]
    north = list(range(8))
    assert plan.drawn == [[[1.0] * 8, north]]
    doubted = {**report.metrics, "self_doubt": {"stretches": [{"start_s": 0.0, "end_s": 7.0}]}}
    draw_doubtful(Axes(), height, replace(report, metrics=doubted))  # type: ignore[arg-type]
    ((times, up),) = height.drawn
    np.testing.assert_allclose(up, 0.1 * np.array(times))
    unplaced = Axes()
    draw_keyframes_and_loops(unplaced, _report({}))  # type: ignore[arg-type]
    assert unplaced.drawn[0][1] == pytest.approx(0.1 * np.arange(8))
    assert plan_axes(report.metrics).is_placed and not plan_axes({}).is_placed


def test_the_page_says_where_zero_is(tmp_path: Path) -> None:
    placed = _report(_metrics(GPS, origin=ORIGIN))
    words = "Zero is at 47.500000 N 8.250000 W, 401.0 m (WGS 84)"
    assert words in place_in_words(placed.metrics) and place_in_words({}) == ""
    write_report(tmp_path / "report.html", placed)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert words in page and "lengths in metres, by GPS (walk.gpx)" in page
    with_truth = replace(placed, ground_truth=AlignedTruth(placed.estimate))
    assert trajectory_figure(placed) != trajectory_figure(with_truth)

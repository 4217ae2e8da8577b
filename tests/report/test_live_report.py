"""What went wrong is said in plain words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.trajectory import Trajectory
from mapper.report.data import ReportData
from mapper.report.loops import LoopRow
from mapper.report.page import write_report
from mapper.report.problems import problems
from mapper.run.shown_points import ShownPoints
from tests.support.made_up_records import MEASURED, loop

TIMES = np.array([0.0, 0.1, 0.2, 1.7, 1.8, 1.9])


def test_a_run_without_faults_has_no_problems() -> None:
    assert problems({"frames": 6, "tracked": 6, "lost": 0}, TIMES[:3]) == []


def test_lost_stretches_are_placed_in_time() -> None:
    found = problems({"lost": 14}, TIMES)
    assert found == [
        "14 frames could not be placed.",
        "The longest times without a placed frame: 1.5 s at 0.2 s.",
    ]
    # Where frames were not lost but left out, that is no reason to speak of lost ones.
    found = problems({"lost": 0, "left_out": 14}, TIMES)
    assert not any("could not be placed" in text for text in found) and "1.5 s" in found[0]


def test_what_a_stream_did_is_told() -> None:
    metrics = {"received": 100, "dropped": 40, "left_out": 1, "breaks": 2, "reconnections": 1}
    metrics |= {"gaps": 1, "not_recorded": 3}
    text = " ".join(problems(metrics, TIMES[:3]))
    for part in (
        "40 of 100 images",
        "1 frame was tracked, but left out",
        "broke off twice and came back once",
        "3 frames",
    ):
        assert part in text
    # A few dropped images are no problem.
    assert problems({"received": 100, "dropped": 2}, TIMES[:3]) == []


def test_a_run_that_was_stopped_says_so_first() -> None:
    first, *_ = problems({"complete": False, "lost": 14}, TIMES)
    assert "ended before its sequence" in first


def test_the_report_holds_problems_and_the_alignment(tmp_path: Path) -> None:
    way = Trajectory(TIMES, np.tile(np.eye(4), (6, 1, 1)))
    shown = LoopRow(loop(0, 1, numbers=MEASURED))
    report = ReportData(
        "r", "x", {"lost": 3}, way, loops=[shown], alignment_costs=[(90.0, 40.0), (40.0, 39.5)]
    )
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text()
    for text in ("3 frames could not be placed", "0.123", "1.04", "Global alignment", "39.5"):
        assert text in page


def test_each_part_of_the_room_is_shown_once_and_within_the_budget() -> None:
    rng = np.random.default_rng(0)
    points = (rng.random((2000, 3)) + [0, 0, 2]).astype(np.float32)
    shown = ShownPoints(budget=1900)
    first = shown.new(0, points, np.eye(4))
    assert 1500 < first.sum() <= 1900  # a few share a voxel of 2 cm
    assert shown.new(1, points, np.eye(4)).sum() <= 1900 - first.sum()
    elsewhere = np.eye(4)
    elsewhere[0, 3] = 5
    assert shown.new(2, points, elsewhere).sum() <= 1900 - first.sum()
    assert not shown.new(3, points[:0], np.eye(4)).any()


def test_what_a_keyframe_showed_that_was_let_go_may_be_shown_again() -> None:
    points = (np.random.default_rng(0).random((500, 3)) + [0, 0, 2]).astype(np.float32)
    shown = ShownPoints(budget=600)
    first = shown.new(0, points, np.eye(4))
    assert not shown.new(1, points, np.eye(4)).any()
    shown.give_back(1)
    assert not shown.new(2, points, np.eye(4)).any()
    shown.give_back(0)
    np.testing.assert_array_equal(shown.new(3, points, np.eye(4)), first)

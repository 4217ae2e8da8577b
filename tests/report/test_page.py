"""The report says what is known, and says in words what is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.backend.loops.loop_decision import Refusal
from mapper.core.trajectory import Trajectory
from mapper.errors import OutputError
from mapper.report.data import AlignedTruth, ReportData
from mapper.report.figures import draw_keyframes_and_loops, matched_errors
from mapper.report.loops import LoopRow
from mapper.report.page import write_report
from mapper.report.tables import loop_table, stage_rows
from mapper.report.verdict import error_text, verdict
from tests.support.made_up_records import MEASURED, loop


def straight(count: int, offset: float = 0.0) -> Trajectory:
    """count poses along x, 0.1 apart, at 10 Hz; offset along z."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(count)
    poses[:, 2, 3] = offset
    return Trajectory(np.arange(count) / 10, poses)


def full_report(tmp_path: Path) -> ReportData:
    (tmp_path / "mesh.ply").write_bytes(bytes(2_500))
    accepted = LoopRow(loop(0, 2, numbers=MEASURED), 0, 2)
    refused = LoopRow(loop(1, 2, Refusal.OVERLAP, MEASURED, 0.2))
    return ReportData(
        name="kitchen <1>",
        frontend="rgbd",
        metrics={
            "frames": 30,
            "tracked": 28,
            "lost": 2,
            "ate_rmse": 0.021,
            "loops_accepted": 1,
            "timings": {"track": {"mean": 5.0, "median": 4.8, "p99": 9.0}},
        },
        estimate=straight(30),
        keyframe_positions=straight(30).positions[::10],
        loops=[accepted, *[refused] * 50],
        ground_truth=AlignedTruth(straight(30, offset=0.05)),
        mesh_pictures=[np.zeros((20, 30, 3), np.uint8)],
        frame_latencies_ms=np.linspace(5, 9, 30),
        config="voxel_size: 0.02 # <half>",
        files=[tmp_path / "mesh.ply", tmp_path / "gone.ply"],
    )


def page_of(report: ReportData, folder: Path) -> str:
    write_report(folder / "report.html", report)
    return (folder / "report.html").read_text(encoding="utf-8")


def absent(page: str, *texts: str) -> list[str]:
    """Those that do not stand in it."""
    return [text for text in texts if text not in page]


def test_a_full_report_is_one_file_with_all_sections(tmp_path: Path) -> None:
    page = page_of(full_report(tmp_path), tmp_path)
    figures = "28 <small>of 30</small>", "2.10 cm", "overlap 0.14 below 0.2", "2.5 kB"
    assert absent(page, "kitchen &lt;1&gt;", *figures) == []
    assert "not written" in page  # the file that is gone
    assert "voxel_size: 0.02 # &lt;half&gt;" in page
    assert page.count("data:image/png;base64,") == 4  # picture, trajectory, error, latency
    assert page.count("refused: overlap 0.14") == 20  # the table's; the rest is in the journal
    assert "all are in journal.jsonl" in page
    assert not re.search(r"(src|href)=['\"]https?:", page)
    assert 'style="width:100.0%"' in page  # the stage that took the longest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.ply", "report.html"]


def test_warnings_and_the_size_of_the_images_stand_at_the_top(tmp_path: Path) -> None:
    report = full_report(tmp_path)
    told = {"warnings": ["The mesh is empty: why."], "image_size": [4, 3], "original_size": [8, 6]}
    write_report(tmp_path / "report.html", replace(report, metrics={**report.metrics, **told}))
    head = (tmp_path / "report.html").read_text(encoding="utf-8").split('class="tiles"')[0]
    assert '<p class="warning">The mesh is empty: why.</p>' in head
    assert "images of 4x3, from 8x6" in head


def test_an_empty_run_is_reported_in_words(tmp_path: Path) -> None:
    nothing = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    report = ReportData("nothing", "mono", {}, nothing, is_metric=False)
    page = page_of(report, tmp_path)
    nothing_to_show = "no picture of the mesh", "no trajectory to draw", "No loop was proposed"
    assert (
        absent(
            page,
            "No frame was tracked",
            *nothing_to_show,
            "own, up to scale",
        )
        == []
    )


def test_a_run_without_ground_truth_or_loops_still_has_its_trajectory(tmp_path: Path) -> None:
    page = page_of(ReportData("run", "mono", {}, straight(5)), tmp_path)
    assert page.count("data:image/png;base64,") == 1
    assert page.count("There is no ground truth for this sequence") == 1


def test_the_verdict_is_one_line_with_the_figures_that_matter(tmp_path: Path) -> None:
    assert verdict(full_report(tmp_path)) == (
        "28 of 30 frames placed over 2.9 m, 2.10 cm from ground truth (RMSE), 1 loop closed; "
        "lost for 2 frames."
    )
    plain = ReportData("run", "mono", {}, straight(11), is_metric=False)
    assert verdict(plain) == "All 11 frames placed over 1.0 units; never lost."
    metrics = {"frames": 20, "tracked": 11, "lost": 1, "left_out": 8}
    live = ReportData("run", "mono", metrics, straight(11), is_metric=False)
    assert verdict(live) == (
        "11 of 20 frames placed over 1.0 units; lost for 1 frame, 8 left out to keep up with the "
        "camera."
    )


def test_the_tiles_of_a_map_without_metres_stay_narrow(tmp_path: Path) -> None:
    metrics = {"ate_rmse": 0.012345, "rpe_rmse": 12.3456, "loops_accepted": 3, "loops_refused": 4}
    report = ReportData("run", "mono", metrics, straight(3), is_metric=False)
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for tile in (
        "<b>1.23 <small>cm up to scale</small></b>",
        "<b>1234.56 <small>cm up to scale</small></b>",
        "<b>3 <small>of 7</small></b>",
    ):
        assert tile in page


def test_errors_up_to_scale_are_in_metres_of_the_truth() -> None:
    truth = AlignedTruth(straight(30, offset=0.05), unit_m=3.0)
    report = ReportData("run", "mono", {}, straight(30), is_metric=False, ground_truth=truth)
    assert np.allclose(matched_errors(report)[1], 0.15)
    off = replace(report, metrics={"ate_rmse": 0.15})
    assert "15.00 cm up to scale from ground truth" in verdict(off)
    still = replace(report, metrics={"spread_rmse": 0.01, "rpe_rmse": 0.02})
    assert error_text("rpe_rmse", still) == ("0.02", "units")


def test_loops_are_listed_by_drift_and_what_was_not_measured_is_a_dash() -> None:
    little = replace(MEASURED, correction=0.01, rmse=0.002)
    loops = [
        LoopRow(loop(0, 5, numbers=little)),
        LoopRow(replace(loop(1, 6, Refusal.NO_MATCHES), found_by="appearance")),
        LoopRow(replace(loop(2, 7, numbers=replace(MEASURED, rmse=None)), feature_inliers=31)),
    ]
    table = loop_table(loops, True)
    rows = [[row.keyframes, *row.cells] for row in table.rows]
    assert rows == [
        ["2 – 7", "proximity", "31", "–", "0.123", "1.04", "closed"],
        ["0 – 5", "proximity", "–", "0.002", "0.01", "1.04", "closed"],
        ["1 – 6", "appearance", "–", "–", "–", "–", "refused: no consistent feature matches"],
    ]
    assert [row.closed for row in table.rows] == [True, True, False]
    assert len(table.heads) == len(rows[0])


def test_stages_are_in_order_of_their_time_and_the_backend_s_parts_follow_it() -> None:
    timings = {
        "backend": {"count": 100, "total_s": 50.0, "mean": 500.0, "median": 500.0, "p99": 600.0},
        "track": {"count": 100, "total_s": 3.0, "mean": 30.0, "median": 29.0, "p99": 60.0},
        "finish": {"count": 1, "total_s": 25.0, "mean": 2e4, "median": 2e4, "p99": 2e4},
        "loops": {"count": 10, "total_s": 8.0, "mean": 800.0, "median": 4e3, "p99": 4e3},
        "fuse": {"count": 10, "total_s": 12.0, "mean": 1.2e3, "median": 4e3, "p99": 4e3},
    }
    rows = stage_rows(timings)
    names = ("backend, all of it", "fuse surfaces", "find and check loops")
    assert tuple(row.name for row in rows[:3]) == names
    assert [row.is_part for row in rows] == [False, True, True, False, False]
    finish = rows[3]
    assert finish.percent == 50.0  # 25 s of the longest, 50 s
    assert finish.cells == ("1", "25.0", "–", "–")  # once: no median


def test_errors_are_taken_only_where_ground_truth_is_near_in_time() -> None:
    truth = Trajectory(straight(10).timestamps, straight(10, offset=0.05).T_world_camera)
    times, errors = matched_errors(
        ReportData("run", "x", {}, straight(30), ground_truth=AlignedTruth(truth))
    )
    np.testing.assert_allclose(errors[:10], 0.05)
    assert len(times) == 10  # the next is a thirtieth of a second later


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "none" / "report.html", ReportData("run", "x", {}, straight(3)))


class Plan:
    """Axes that only note what is drawn."""

    def __init__(self) -> None:
        self.lines: list[list[float]] = []

    def plot(self, x: np.ndarray, z: np.ndarray, *style: str, **more: Any) -> None:
        if "lw" in more:
            self.lines.append([*x, *z])


def test_loops_are_drawn_between_the_rows_of_their_keyframes(tmp_path: Path) -> None:
    """Ids have gaps where keyframes were culled or are in no one's map."""
    positions = np.array([[0.0, 0, 1], [2, 0, 3], [4, 0, 5]])
    closed = loop(7, 90)
    report = replace(
        full_report(tmp_path),
        keyframe_positions=positions,
        loops=[
            LoopRow(closed, 0, 2),
            LoopRow(closed, None, 1),
            LoopRow(loop(7, 90, Refusal.RESIDUAL), 0, 1),
        ],
    )
    plan = Plan()
    draw_keyframes_and_loops(plan, report)  # type: ignore[arg-type]
    assert plan.lines == [[0.0, 4.0, 1.0, 5.0]]


def test_nothing_that_a_run_says_is_taken_for_html(tmp_path: Path) -> None:
    """Names of files, settings, messages and stages come from outside."""
    evil = "<script>alert(1)</script>"
    report = replace(
        full_report(tmp_path),
        name=evil,
        frontend=evil,
        config=evil,
        files=[tmp_path / "<script>"],
        metrics={"timings": {evil: {"mean": 1.0}}, "evaluation_failed": evil},
        loops=[LoopRow(replace(loop(0, 2), found_by=evil))],
    )
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 7  # the name stands twice

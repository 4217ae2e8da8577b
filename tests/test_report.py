"""The report says what is known, and says in words what is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import OutputError
from mapper.report import ReportData, verdict, write_report
from mapper.report_figures import matched_errors
from mapper.trajectory import Trajectory


def straight(count: int, offset: float = 0.0) -> Trajectory:
    """count poses along x, 0.1 apart, at 10 Hz; offset along z."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(count)
    poses[:, 2, 3] = offset
    return Trajectory(np.arange(count) / 10, poses)


def full_report(tmp_path: Path) -> ReportData:
    (tmp_path / "mesh.ply").write_bytes(bytes(2_500))
    accepted = {"i": 0, "j": 2, "inliers": 312, "residual": 0.014, "accepted": True}
    refused = {"i": 1, "j": 2, "inliers": 41, "accepted": False, "reason": "41 inliers < 60"}
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
        ground_truth=straight(30, offset=0.05),
        mesh_pictures=[np.zeros((20, 30, 3), np.uint8)],
        frame_latencies_ms=np.linspace(5, 9, 30),
        config="voxel_size: 0.02 # <half>",
        files=[tmp_path / "mesh.ply", tmp_path / "gone.ply"],
    )


def test_a_full_report_is_one_file_with_all_sections(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", full_report(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("kitchen &lt;1&gt;", "28 / 30", "2.10 cm", "41 inliers &lt; 60", "2.5 kB"):
        assert text in page
    assert "not written" in page  # the file that is gone
    assert "voxel_size: 0.02 # &lt;half&gt;" in page
    assert page.count("data:image/png;base64,") == 4  # picture, trajectory, error, latency
    assert page.count("refused:") == 39  # 40 rows, the first of them accepted
    assert "11 more" in page
    assert not re.search(r"(src|href)=['\"]https?:", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.ply", "report.html"]


def test_an_empty_run_is_reported_in_words(tmp_path: Path) -> None:
    nothing = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    report = ReportData("nothing", "mono", {}, nothing, is_metric=False)
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in (
        "No frame was tracked",
        "no picture of the mesh",
        "no ground truth",
        "No loop was proposed",
        "lengths in units",
    ):
        assert text in page


def test_a_run_without_ground_truth_or_loops_still_has_its_trajectory(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", ReportData("run", "mono", {}, straight(5)))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 1
    assert "There is no ground truth for this sequence." in page


def test_the_verdict_is_one_line_with_the_figures_that_matter(tmp_path: Path) -> None:
    assert verdict(full_report(tmp_path)) == (
        "28 of 30 frames tracked over 2.9 m, 2.10 cm from ground truth (RMSE), 1 loop closed; "
        "lost for 2 frames."
    )
    plain = ReportData("run", "mono", {}, straight(11), is_metric=False)
    assert verdict(plain) == "All 11 frames tracked over 1.0 units; never lost."


def test_errors_are_taken_only_where_ground_truth_is_near_in_time() -> None:
    truth = Trajectory(straight(10).timestamps, straight(10, offset=0.05).T_world_camera)
    times, errors = matched_errors(ReportData("run", "x", {}, straight(30), ground_truth=truth))
    np.testing.assert_allclose(errors[:10], 0.05)
    assert len(times) == 11  # one frame more lies within a frame and a half of the end


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "none" / "report.html", ReportData("run", "x", {}, straight(3)))

"""Whole benchmarks of saved predictions: zero for the truth, the error put in for the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.errors import ConfigError, InputError, OutputError
from mapper.evaluate.benchmark import BenchOptions, run_benchmark
from mapper.evaluate.comparison import compare
from mapper.evaluate.job import BenchRequest, Measured, SequenceJob
from mapper.evaluate.protocol import (
    FrameSelection,
    ReconstructionProtocol,
)
from mapper.evaluate.results import SequenceResult
from mapper.evaluate.selection import benchmark_dataset
from mapper.evaluate.tasks import TASKS, measure_reconstruction
from tests.support.made_up_scene import FRAMES, write_predictions
from tests.support.made_up_scene import PROTOCOLS as SINGLY

PROTOCOLS = SINGLY | {
    "video-depth": replace(SINGLY["video-depth"], average="pixels"),
    "mono-depth": replace(SINGLY["mono-depth"], average="pixels"),
    "reconstruction": replace(
        SINGLY["reconstruction"],
        frames=FrameSelection(stride=3),
        reconstruction=ReconstructionProtocol(crop=40),
    ),
}
ERRORS = {
    "pose": ("ate", "rpe_translation", "rpe_rotation_deg", "scale_error"),
    "video-depth": ("metric.abs_rel", "scale.abs_rel"),
    "mono-depth": ("metric.abs_rel", "median.abs_rel"),
    "reconstruction": ("accuracy", "completeness"),
}


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The folder of true predictions."""
    return write_predictions(tmp_path / "scene")


def request(task: str, truth: Path, predictions: Path | None = None) -> BenchRequest:
    changes = () if predictions is None else (f"replay.predictions={predictions}",)
    frontend = "truth" if predictions is None else "replay"
    return BenchRequest(PROTOCOLS[task], "predictions", str(truth), frontend, changes=changes)


def measure(request: BenchRequest, out: Path, repeat: int = 1) -> tuple[dict, list[SequenceResult]]:
    told: list[SequenceResult] = []
    _, summary = run_benchmark(request, out, BenchOptions(repeat), told.append)
    return summary, told


@pytest.mark.parametrize("frontend", ["truth", "replay"])
@pytest.mark.parametrize("task", list(PROTOCOLS))
def test_true_predictions_have_no_error(
    task: str, frontend: str, truth: Path, tmp_path: Path
) -> None:
    replayed = truth if frontend == "replay" else None
    summary, _ = measure(request(task, truth, replayed), tmp_path / "out")
    assert summary["succeeded"] == 1
    assert summary["sequences"]["scene"]["coverage"] == 1
    # Angles near zero are known to the square root of float64's precision only.
    assert max(abs(summary["mean"][name]) for name in ERRORS[task]) < 2e-6


def test_the_depth_error_that_was_put_in_comes_out(truth: Path, tmp_path: Path) -> None:
    """Every other frame 10 % too far: a scale an image takes it out, one for all does not."""
    wrong = write_predictions(
        tmp_path / "wrong", lambda i, pose, depth: (pose, depth * (1.1 if i % 2 else 1.0))
    )
    video, _ = measure(request("video-depth", truth, wrong), tmp_path / "video")
    mono, _ = measure(request("mono-depth", truth, wrong), tmp_path / "mono")
    assert video["mean"]["metric.abs_rel"] == pytest.approx(0.05, rel=1e-3)
    assert 0.045 < video["mean"]["scale.abs_rel"] < 0.051
    assert mono["mean"]["median.abs_rel"] < 1e-6


def test_the_pose_error_that_was_put_in_comes_out(truth: Path, tmp_path: Path) -> None:
    """Every other camera is turned by 2 degrees."""
    turn = np.radians(2)
    wrong = write_predictions(
        tmp_path / "wrong",
        lambda i, pose, depth: (pose @ exp_se3(np.r_[0, turn * (i % 2), 0, 0, 0, 0]), depth),
    )
    summary, _ = measure(request("pose", truth, wrong), tmp_path / "out")
    assert summary["mean"]["rpe_rotation_deg"] == pytest.approx(2, abs=1e-6)
    assert summary["mean"]["ate"] < 1e-6


def test_frames_without_a_prediction_lower_the_coverage(truth: Path, tmp_path: Path) -> None:
    some = write_predictions(tmp_path / "some")
    for index in (3, 6):
        (some / f"{index:06d}-000.npz").unlink()
    pose, (result,) = measure(request("pose", truth, some), tmp_path / "pose")
    assert (result.expected, result.answered) == (FRAMES, FRAMES - 2)
    assert pose["sequences"]["scene"]["coverage"] == 0.75
    depth, (result,) = measure(request("video-depth", truth, some), tmp_path / "depth")
    assert result.answered == FRAMES - 2
    assert depth["mean"]["pixel_coverage"] == pytest.approx(0.75, abs=1e-3)


@pytest.mark.parametrize("task", ["video-depth", "mono-depth", "reconstruction"])
def test_depth_without_a_valid_pixel_fails_the_sequence(
    task: str, truth: Path, tmp_path: Path
) -> None:
    empty = write_predictions(tmp_path / "empty", lambda i, pose, depth: (pose, 0 * depth))
    summary, (result,) = measure(request(task, truth, empty), tmp_path / "out")
    assert (result.status, result.metrics) == ("failed", {})
    assert "pixel" in result.error
    assert (summary["mean"], summary["succeeded"], summary["expected"]) == ({}, 0, 1)
    assert "failed" in (tmp_path / "out" / "table.txt").read_text()


def test_too_short_a_selection_fails_the_sequence(truth: Path, tmp_path: Path) -> None:
    asked = request("pose", truth, truth)
    short = replace(asked, protocol=replace(asked.protocol, frames=FrameSelection(max_frames=2)))
    _, (result,) = measure(short, tmp_path / "out")
    assert "at least 3" in result.error


def test_sequences_that_are_not_there_are_counted(truth: Path, tmp_path: Path) -> None:
    asked = request("pose", truth)
    protocol = replace(asked.protocol, sequences=("scene", "elsewhere"))
    summary, _ = measure(replace(asked, protocol=protocol), tmp_path / "out")
    assert (summary["succeeded"], summary["expected"]) == (1, 2)
    assert "no such sequence" in summary["sequences"]["elsewhere"]["error"]


def test_a_second_run_takes_up_the_results_of_the_first(truth: Path, tmp_path: Path) -> None:
    asked, out = request("pose", truth), tmp_path / "out"
    measure(asked, out)
    file = out / "sequences" / "scene.0.json"
    marked = json.loads(file.read_text())
    marked["metrics"]["ate"] = 123.0
    file.write_text(json.dumps(marked))
    assert measure(asked, out)[0]["mean"]["ate"] == 123.0
    (truth / "000005-000.npz").write_bytes((truth / "000005-000.npz").read_bytes() + b"0")
    assert measure(asked, out)[0]["mean"]["ate"] < 1e-6  # another input: done anew


def test_other_predictions_at_the_same_place_are_measured_anew(truth: Path, tmp_path: Path) -> None:
    replayed, out = write_predictions(tmp_path / "replayed"), tmp_path / "out"
    assert measure(request("video-depth", truth, replayed), out)[0]["mean"]["metric.rmse"] < 1e-6
    write_predictions(replayed, lambda i, pose, depth: (pose, 2 * depth))
    mean = measure(request("video-depth", truth, replayed), out)[0]["mean"]
    assert mean["metric.abs_rel"] == pytest.approx(1, rel=1e-5)


def test_results_of_another_benchmark_are_not_mixed_in(truth: Path, tmp_path: Path) -> None:
    measure(request("pose", truth), tmp_path / "out")
    with pytest.raises(OutputError, match="another benchmark"):
        measure(request("pose", truth, truth), tmp_path / "out")


def test_a_result_says_where_it_comes_from(truth: Path, tmp_path: Path) -> None:
    asked, out = request("pose", truth, truth), tmp_path / "out"
    measure(asked, out, repeat=2)
    result = json.loads((out / "sequences" / "scene.1.json").read_text())
    assert result["facts"]["protocol"] == {"name": "p", "version": 1, "task": "pose"}
    assert result["facts"]["fingerprint"]
    assert result["facts"]["configuration"]["replay"]["predictions"] == str(truth)
    assert result["facts"]["code"]["source"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["repetitions"] == 2
    assert summary["spread"]["ate"] == 0
    assert "±" in (out / "table.csv").read_text()
    assert "data:image/png;base64" in (out / "table.html").read_text()
    assert "\\toprule" in (out / "table.tex").read_text()


def test_settings_may_name_the_sequence(truth: Path, tmp_path: Path) -> None:
    asked = request("pose", truth, truth.parent / "{sequence}")
    assert measure(asked, tmp_path / "out")[0]["succeeded"] == 1


def test_a_comparison_shows_what_changed(truth: Path, tmp_path: Path) -> None:
    wrong = write_predictions(tmp_path / "wrong", lambda i, pose, depth: (pose, 1.2 * depth))
    measure(request("video-depth", truth, wrong), tmp_path / "before")
    measure(request("video-depth", truth), tmp_path / "after")
    table, values = compare(tmp_path / "before", tmp_path / "after")
    assert values["mean"]["metric.abs_rel"] == pytest.approx(-0.2, rel=1e-4)
    assert "(-100.0%)" in table.rows[-1][1]
    assert any("frontend: replay -> truth" in note for note in table.notes)
    assert not any("protocol" in note for note in table.notes)
    with pytest.raises(InputError, match="summary"):
        compare(tmp_path / "before", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frontend": "rgdb"}, "did you mean rgbd"),
        ({"frontend": "auto"}, "name the frontend"),
        ({"frontend": "replay", "changes": ("replay.prediction=x",)}, "did you mean"),
        ({"backend": True, "protocol": PROTOCOLS["mono-depth"]}, "each image alone"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    change: dict, message: str, truth: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        measure(replace(request("pose", truth), **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("task", ["pose", "video-depth", "reconstruction"])
def test_with_the_backend_the_truth_stays_close(task: str, truth: Path, tmp_path: Path) -> None:
    asked = replace(
        request(task, truth, truth),
        backend=True,
        changes=(f"replay.predictions={truth}", "backend.align=off"),
    )
    summary, _ = measure(asked, tmp_path / "out")
    assert summary["sequences"]["scene"]["coverage"] == 1
    assert max(abs(summary["mean"][name]) for name in ERRORS[task][:1]) < 0.01


@pytest.mark.slow
def test_processes_give_the_same_figures(truth: Path, tmp_path: Path) -> None:
    asked = request("video-depth", truth, truth)
    _, alone = run_benchmark(asked, tmp_path / "one", BenchOptions(2), lambda result: None)
    _, both = run_benchmark(asked, tmp_path / "two", BenchOptions(2, 2), lambda result: None)
    assert alone["mean"] == both["mean"]


def test_reconstruction_starts_at_the_first_view_with_a_true_pose(truth: Path) -> None:
    asked = request("reconstruction", truth, truth)
    sequence = benchmark_dataset(asked.dataset, asked.root).sequence(truth.name)
    assert sequence.T_world_camera is not None
    poses = sequence.T_world_camera.copy()
    poses[0] = np.nan
    job = SequenceJob(asked, replace(sequence, T_world_camera=poses), [0, 3, 6])
    measured = measure_reconstruction(job)
    assert (measured.expected, measured.answered) == (2, 2)
    assert measured.metrics["accuracy"] < 1e-5


def test_a_figure_that_is_not_finite_is_a_failure(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undefined = Measured({"ate": float("nan")}, 8, 8, 8, 1.0)
    monkeypatch.setitem(TASKS, "pose", lambda job: undefined)
    asked = request("pose", truth, truth)
    table, summary = run_benchmark(asked, tmp_path / "out", BenchOptions(), lambda result: None)
    assert summary["succeeded"] == 0
    assert "ate: not finite" in summary["sequences"][truth.name]["error"]
    assert table.rows[0][-2:] == ["", ""]


def test_another_programs_summary_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(InputError, match=r"summary\.json"):
        compare(tmp_path, tmp_path)

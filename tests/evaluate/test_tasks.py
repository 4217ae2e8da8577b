"""What the tasks make of odd predictions: not finite, full of holes, in part missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.geometry import backproject
from mapper.errors import InputError
from mapper.evaluate import tasks
from mapper.evaluate.job import BenchRequest, Measured, SequenceJob
from mapper.evaluate.predicting import Answer, Answers
from mapper.evaluate.protocol import PoseProtocol
from mapper.evaluate.selection import benchmark_dataset
from mapper.evaluate.tasks import resized_depth
from tests.support.made_up_scene import (
    CAMERA,
    FRAMES,
    PROTOCOLS,
    true_depth,
    true_pose,
    write_predictions,
)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_predictions(tmp_path / "scene")


def job(task: str, truth: Path, predictions: Path | None = None) -> SequenceJob:
    changes = (f"replay.predictions={predictions or truth}",)
    request = BenchRequest(PROTOCOLS[task], "predictions", str(truth), "replay", changes=changes)
    sequence = benchmark_dataset("predictions", str(truth)).sequence(truth.name)
    return SequenceJob(request, sequence, list(range(FRAMES)))


def measure(task: str, truth: Path, predictions: Path | None = None) -> Measured:
    return tasks.TASKS[task](job(task, truth, predictions))


@pytest.mark.parametrize("task", ["video-depth", "mono-depth"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -2.0])
def test_depth_that_is_none_lowers_the_coverage_and_nothing_else(
    task: str, value: float, truth: Path, tmp_path: Path
) -> None:
    def spoiled(index: int, pose: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        depth = depth.copy()
        depth[24:] = value  # the lower half
        return pose, depth

    with np.errstate(invalid="ignore"):
        odd = write_predictions(tmp_path / "odd", spoiled)
    metrics = measure(task, truth, odd).metrics
    assert metrics["metric.abs_rel"] < 1e-6
    # The truth has a hole of 3x3 pixels in the upper half.
    assert metrics["pixel_coverage"] == pytest.approx((24 * 64 - 9) / (48 * 64 - 9))


def test_frames_without_a_prediction_count_as_pixels_without_one(
    truth: Path, tmp_path: Path
) -> None:
    some = write_predictions(tmp_path / "some")
    (some / "000003-000.npz").unlink()
    measured = measure("mono-depth", truth, some)
    assert (measured.answered, measured.expected) == (FRAMES - 1, FRAMES)
    assert measured.metrics["pixel_coverage"] == pytest.approx(1 - 1 / FRAMES, abs=1e-3)


def test_a_hole_does_not_bleed_into_the_depth_beside_it_when_resized() -> None:
    depth = np.full((20, 30), 2, np.float32)
    depth[8:12, 10:14] = 0
    depth[3, 3] = np.nan
    resized = resized_depth(depth, (50, 75))
    assert resized.shape == (50, 75)
    assert np.allclose(resized[resized > 0], 2, atol=0.01)
    assert 0.8 < (resized > 0).mean() < 1 - 16 / 600


def test_depth_without_holes_is_resized_as_the_papers_do() -> None:
    depth = true_depth(0)[3:, 3:]
    resized = resized_depth(depth, (96, 122))
    assert np.array_equal(resized, cv2.resize(depth, (122, 96), interpolation=cv2.INTER_CUBIC))


def test_a_pose_that_is_not_finite_is_no_answer(truth: Path, tmp_path: Path) -> None:
    def lost(index: int, pose: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (np.full((4, 4), np.nan) if index == 3 else pose), depth

    odd = write_predictions(tmp_path / "odd", lost)
    measured = measure("pose", truth, odd)
    assert (measured.answered, measured.expected) == (FRAMES - 1, FRAMES)
    assert measured.metrics["ate"] < 1e-6
    assert tasks.OVER_GAPS in measured.notes
    assert tasks.OVER_GAPS not in measure("pose", truth).notes


def test_keyframes_are_compared_but_coverage_is_of_all_frames(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six of eight frames are placed, four of them are keyframes, one of which is 1 m off."""
    poses = {i: true_pose(i) for i in range(6)}
    answers = {i: Answer(T, 1.0, None) for i, T in poses.items()}
    placed = Answers(answers, [0, 2, 3, 5], 0, 1.0, is_metric=True)
    monkeypatch.setattr(SequenceJob, "answers", lambda self, keep: placed)
    asked = job("pose", truth)
    protocol = replace(asked.protocol, pose=PoseProtocol(alignment="se3", poses="keyframes"))
    measured = tasks.measure_pose(replace(asked, request=replace(asked.request, protocol=protocol)))
    assert (measured.answered, measured.expected) == (6, FRAMES)
    assert measured.metrics["poses"] == 4


def test_errors_without_alignment_are_marked_where_units_are_unknown(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {i: Answer(true_pose(i), 1.0, true_depth(i)) for i in range(FRAMES)}
    unknown = Answers(answers, [], 0, 1.0, is_metric=False)
    monkeypatch.setattr(SequenceJob, "answers", lambda self, keep: unknown)
    assert tasks.NOT_METRIC_DEPTH in tasks.measure_video_depth(job("video-depth", truth)).notes


@pytest.mark.parametrize(
    ("predicted", "shown", "notes"),
    [
        ((384, 512), (480, 640, 3), 0),
        ((392, 518), (480, 640, 3), 0),
        ((208, 512), (436, 1024, 3), 1),
        ((210, 518, 3), (436, 1024), 1),
    ],
)
def test_other_proportions_than_the_image_are_told(
    predicted: tuple[int, ...], shown: tuple[int, ...], notes: int
) -> None:
    assert len(tasks.proportion_notes(predicted, shown)) == notes


def test_a_frontend_that_cuts_its_images_is_refused_where_pixels_are_compared() -> None:
    with pytest.raises(InputError, match="predictions of 518x518 for images of 480x640"):
        tasks.proportion_notes((518, 518), (640, 480, 3))


def points_of(index: int, depth: np.ndarray) -> Answer:
    return Answer(true_pose(index), 1.0, backproject(depth, CAMERA))


def test_true_points_that_nobody_predicted_count_against_completeness(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right third of each view, what is left is exact, but the map is not whole."""
    halves = {i: true_depth(i) for i in range(FRAMES)}
    for depth in halves.values():
        depth[:, 40:] = 0
    answers = {i: points_of(i, depth) for i, depth in halves.items()}
    partly = Answers(answers, [], 0, 1.0, is_metric=True)
    monkeypatch.setattr(SequenceJob, "answers", lambda self, keep: partly)
    metrics = tasks.measure_reconstruction(job("reconstruction", truth)).metrics
    assert metrics["accuracy"] < 1e-3
    assert metrics["completeness"] > 0.02
    assert 0.6 < metrics["pixel_coverage"] < 0.7  # 32 of the crop's 48 columns


def test_a_prediction_that_is_one_point_has_figures(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = np.zeros((CAMERA.height, CAMERA.width, 3), np.float32)
    point[..., 2] = 1
    answers = {i: Answer(np.eye(4), 1.0, point) for i in range(FRAMES)}
    collapsed = Answers(answers, [], 0, 1.0, is_metric=True)
    monkeypatch.setattr(SequenceJob, "answers", lambda self, keep: collapsed)
    metrics = tasks.measure_reconstruction(job("reconstruction", truth)).metrics
    assert np.isfinite(list(metrics.values())).all()
    assert metrics["accuracy"] < metrics["completeness"]

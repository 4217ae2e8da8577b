"""What the metrics of a run say of its errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.io.viewer.map_logger import NullLogger
from mapper.report.data import ReportData
from mapper.report.figures import matched_errors
from mapper.run.outputs import aligned_truth, map_metrics
from mapper.slam.frame_counts import FrameCounts
from mapper.slam.result import MappingResult

COUNT = 6


def result_of(trajectory: Trajectory) -> MappingResult:
    nothing = np.zeros((0, 3), np.float32)
    mesh = Mesh(nothing, nothing.astype(np.int32), nothing.astype(np.uint8), nothing)
    counts, none = FrameCounts(frames=len(trajectory)), set[tuple[int, int]]()
    indices = np.arange(len(trajectory))
    return MappingResult(
        trajectory, indices, indices[:1], trajectory, mesh, TsdfConfig(), counts, 1, [], none, True
    )


def test_a_camera_that_stood_still_is_judged_by_its_spread_and_not_refused() -> None:
    still = np.tile(np.eye(4), (COUNT, 1, 1))
    estimate = still.copy()
    estimate[:, 0, 3] = 0.01 * (-1.0) ** np.arange(COUNT)  # 1 cm to either side
    times = np.arange(float(COUNT))
    metrics = map_metrics(result_of(Trajectory(times, estimate)), Trajectory(times, still))
    assert "evaluation_failed" not in metrics and "ate_rmse" not in metrics
    assert np.isclose(metrics["spread_rmse"], 0.01) and np.isclose(metrics["rpe_rmse"], 0.02)
    assert metrics["evaluation"]["coverage"] == 1.0


def test_the_errors_drawn_of_a_map_up_to_scale_are_those_that_are_told() -> None:
    rng = np.random.default_rng(0)
    true = np.tile(np.eye(4), (40, 1, 1))
    true[:, :3, 3] = rng.normal(size=(40, 3)).cumsum(0)
    found = true.copy()
    found[:, :3, 3] = 0.2 * (true[:, :3, 3] + rng.normal(scale=0.3, size=(40, 3)))
    times = np.arange(40.0)
    estimate, truth = Trajectory(times, found), Trajectory(times, true)
    metrics = map_metrics(replace(result_of(estimate), is_metric=False), truth)
    shown = aligned_truth(estimate, truth, NullLogger(), is_metric=False)
    report = ReportData("run", "mono", metrics, estimate, is_metric=False, ground_truth=shown)
    errors = matched_errors(report)[1]
    assert np.isclose(np.sqrt((errors**2).mean()), metrics["ate_rmse"]) and errors.max() > 0.1

"""What the metrics of a run say of its errors."""

from __future__ import annotations

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.run.outputs import map_metrics
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

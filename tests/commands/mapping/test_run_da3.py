"""mapper run with Depth Anything 3: ten images, a tiny network, every file written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.frontends.da3.joint import JointDa3
from mapper.io.trajectory_files import read_tum
from tests.support.networks.da3_networks import write_folder

FRAMES = 10
OUTPUTS = ("mesh.ply", "cloud.ply", "trajectory.txt", "report.html", "metrics.json")
SMALL = ("da3.image_size=56", "da3.device=cpu", "da3.first=4", "da3.every=3", "da3.active=4")
COARSE = ("backend.fusion.tsdf.voxel_size=0.1", "backend.align=off")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("weights") / "da3")


@pytest.fixture
def line(sample: Path, weights: Path, tmp_path: Path) -> list[object]:
    """What both frontends are asked alike."""
    settings = [part for each in (*SMALL, *COARSE) for part in ("--set", each)]
    frames = ["--max-frames", FRAMES, "--stride", 4]
    out = ["--out", tmp_path / "run", "--no-save-rrd", "--json"]
    return ["run", sample, "--weights", weights, *frames, *settings, *out]


def test_the_loop_of_keyframes(command: Any, line: list[object], tmp_path: Path) -> None:
    code, told, err = command(*line, "--frontend", "da3", "--save-predictions")
    assert code == 0, err
    metrics = json.loads(told)
    assert metrics["frames"] == metrics["tracked"] == FRAMES and metrics["complete"]
    run = tmp_path / "run"
    assert all((run / name).stat().st_size > 0 for name in OUTPUTS)
    mapped = read_tum(run / "trajectory.txt")
    assert len(mapped) == FRAMES and np.isfinite(mapped.T_world_camera).all()
    assert len(list((run / "predictions").glob("*.npz"))) == FRAMES


def test_depth_under_poses_and_a_map_tied_to_known_ones(
    command: Any,
    line: list[object],
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[int] = []
    posed = JointDa3.posed

    def counted(self: JointDa3, views: Sequence[Any], *more: Any) -> Any:
        shown.append(len(views))
        return posed(self, views, *more)

    monkeypatch.setattr(JointDa3, "posed", counted)
    tracker = ("--frontend", "da3-posed", "--set", "da3.tracker=rgbd")
    truth = sample / "groundtruth.txt"
    code, told, err = command(*line, *tracker, "--poses", truth, "--pose-sigma", "0.01,0.5")
    assert code == 0, err
    assert len(shown) == FRAMES and shown[0] == 1
    metrics = json.loads(told)
    assert metrics["frames"] == metrics["tracked"] == FRAMES and metrics["complete"]
    run = tmp_path / "run"
    assert all((run / name).stat().st_size > 0 for name in OUTPUTS)
    # In the world of the poses that were given, not of the first keyframe.
    mapped, true = read_tum(run / "trajectory.txt"), read_tum(truth)
    rows = np.searchsorted(true.timestamps, mapped.timestamps - 1e-3)
    off = np.linalg.norm(mapped.positions - true.positions[rows], axis=1)
    assert len(mapped) == FRAMES and off.max() < 0.05

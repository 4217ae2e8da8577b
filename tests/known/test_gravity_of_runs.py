"""A run that is told what is up lies upright, in every file, and stays so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.errors import ConfigError
from mapper.io.trajectory_files import read_tum
from mapper.known.stored import read_knowledge
from mapper.measured.asked import Measurements
from mapper.measured.scaling import scale_run
from mapper.pipeline import map_into
from mapper.report.knowledge import tied_in_words
from mapper.report.units import UPRIGHT, plan_axes
from mapper.request import RunRequest
from mapper.saved.realignment import realign
from tests.support.quick_outputs import skip_report

CHANGES = ("backend.fusion.tsdf.voxel_size=0.1", "backend.keyframes.max_frames=6")


def write_log(sample: Path, path: Path) -> Path:
    """Of an accelerometer that goes along in the sample room, whose truth has z up."""
    truth = read_tum(sample / "groundtruth.txt")
    rows = np.column_stack([truth.timestamps, 9.81 * truth.T_world_camera[:, 2, :3]])
    np.savetxt(path, rows, fmt="%.6f", delimiter=",", header="time,ax,ay,az", comments="")
    return path


def leaning(T_world_camera: np.ndarray, sample: Path) -> float:
    """Degrees that the first frame's own up is away from the map's z."""
    true = read_tum(sample / "groundtruth.txt").T_world_camera[0, 2, :3]
    return float(np.degrees(np.arccos(np.clip(T_world_camera[0, 2, :3] @ true, -1, 1))))


def test_a_run_stands_upright_by_a_log_and_then_by_its_floor(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_report(monkeypatch)
    log = write_log(sample, tmp_path / "imu.csv")
    asked = RunRequest(
        sequence=sample,
        out=tmp_path / "run",
        gravity=str(log),
        max_frames=30,
        changes=CHANGES,
        save_recording=False,
    )
    run, metrics = map_into(asked)
    assert metrics["priors"]["upright"] and not metrics["priors"]["origin"]
    assert any("z is up" in line for line in tied_in_words(metrics))
    assert plan_axes(metrics) is UPRIGHT
    assert leaning(read_tum(run.trajectory).T_world_camera, sample) < 1.0
    assert metrics["ate_rmse"] < 0.02  # the truth is still compared with
    assert len(read_knowledge(run).gravity[0].times) > 5

    again = realign(run, run.read_description().backend_settings())
    assert again.final.tie is not None and again.final.tie.is_upright
    assert leaning(again.final.trajectory()[1].T_world_camera, sample) < 1.0
    with pytest.raises(ConfigError, match="--gravity: leave it out to resume"):
        map_into(RunRequest(sequence=sample, out=run.path, resume=True, gravity=str(log)))

    scale_run(run, Measurements(has_level_floor=True), quiet=True)
    told = read_knowledge(run)
    assert told.gravity and len(told.ups) >= 3
    assert leaning(read_tum(run.trajectory).T_world_camera, sample) < 1.0
    names = [source["name"] for source in run.read_json(run.metrics)["priors"]["sources"]]
    assert names == ["the level floor", str(log)]

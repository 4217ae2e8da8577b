"""Runs that are stopped, that find nothing, and that would destroy what they need."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.cli import main
from tests.support.paths import ROOT
from tests.support.quick_outputs import COMMAND


def stopped(sample: Path, out: Path, number: signal.Signals) -> None:
    """A run of 120 frames that gets the signal after its first keyframe, and writes everything."""
    command = [*COMMAND, "run", str(sample), "--out", str(out), "--max-frames", "120"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while not list((out / "keyframes").glob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors.decode()
    assert b"WARN" not in errors  # not Rerun's either, of the footer that we leave out
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["complete"] is False and 0 < metrics["frames"] < 120
    for name in ("mesh.ply", "trajectory.txt", "report.html", "run.rrd"):
        assert (out / name).stat().st_size > 0


def test_a_polite_kill_writes_everything(sample: Path, tmp_path: Path) -> None:
    stopped(sample, tmp_path / "run", signal.SIGTERM)


def test_a_polite_stop_writes_everything_and_resumes(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    stopped(sample, out, signal.SIGINT)
    # The frames of the run need not be named again.
    assert main(["run", str(sample), "--out", str(out), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 120


def test_depth_without_a_reading_is_one_clear_line(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(sample, empty)
    for path in (empty / "depth").iterdir():
        cv2.imwrite(str(path), np.zeros((240, 320), np.uint16))
    arguments = ["run", str(empty), "--max-frames", "5", "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "not one of 5 frames could be placed" in error and str(empty) in error


def test_predictions_are_not_overwritten_by_their_own_replay(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["run", str(sample), "--max-frames", "4", "--out", str(out)]
    assert main([*arguments, "--save-predictions"]) == 0
    predictions = out / "predictions"
    replay = ["--frontend", "replay", "--set", f"replay.predictions={predictions}"]
    assert main([*arguments, *replay, "--overwrite"]) == 2
    assert "would be replaced" in capsys.readouterr().err
    assert len(list(predictions.glob("*.npz"))) == 4

"""mapper bench on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.cli import main
from mapper.core.geometry import backproject, exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction

CAMERA = Intrinsics(30.0, 30.0, 16.0, 12.0, 32, 24)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Five saved predictions of a flat wall."""
    folder = tmp_path / "saved"
    folder.mkdir()
    points = backproject(np.full((24, 32), 2, np.float32), CAMERA)
    for index in range(5):
        pose = exp_se3(np.array([0, 0.02, 0, 0.1, 0.01 * index, 0]) * index)
        confidence, image = np.ones((24, 32), np.float32), np.zeros((24, 32, 3), np.uint8)
        save_prediction(
            folder, Prediction(index, index / 10, points, confidence, pose, CAMERA, image, True)
        )
    return folder


def bench(*arguments: object) -> int:
    return main(["bench", *map(str, arguments)])


def test_the_table_is_printed_and_written(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("--dataset", "predictions", "--root", saved, "--frontend", "truth", "--out", out)
    assert bench("pose", *options) == 0
    assert "metric-any-pose v1: truth, without backend" in capsys.readouterr().out
    assert {p.name for p in out.iterdir()} >= {"table.txt", "table.csv", "table.tex", "table.html"}
    assert bench("compare", out, out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["mean"]["ate"] == 0


def test_a_failed_sequence_is_told_by_the_exit_code(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = f"replay.predictions={tmp_path / 'nothing'}"
    options = ("--dataset", "predictions", "--root", saved, "--frontend", "replay")
    assert bench("pose", *options, "--set", missing, "--out", tmp_path / "out", "--json") == 2
    summary = json.loads(capsys.readouterr().out)
    assert "no saved predictions" in summary["sequences"]["saved"]["error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "7scene", "--frontend", "rgbd"), "did you mean 7scenes?"),
        (("--dataset", "sintel", "--frontend", "rgbd"), "no sequences here"),
        (("--dataset", "sintel", "--frontend", "rgbd", "--repeat", "0"), "at least 1"),
        (("--dataset", "sintel", "--frontend", "rgbd", "--protocol", "x"), "unknown protocol"),
        (("--dataset", "sintel", "--frontend", "rgbd", "--protocol", "my/x.yaml"), "my/x.yaml: no"),
    ],
)
def test_faults_of_the_user_are_one_line(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("pose", "--root", tmp_path, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_ray_is_asked_for_where_it_is_not_installed(
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    options = ("--dataset", "predictions", "--root", saved, "--frontend", "truth")
    assert bench("pose", *options, "--out", tmp_path / "out", "--ray", "auto") == 2
    assert "pip install ray" in capsys.readouterr().err


def test_the_protocols_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("protocols") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("cut3r-7scenes-reconstruction") for line in lines)
    assert len(lines) == 53

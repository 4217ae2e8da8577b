"""`mapper run` with the VGGT family, on tiny checkpoints of both published containers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.cli import main
from tests.support.networks.vggt_networks import write_flat, write_folder


@pytest.mark.parametrize(("name", "mode"), [("stream3r", "window"), ("streamvggt", "")])
def test_images_are_mapped_end_to_end(name: str, mode: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (120, 84))
    for number in range(4):
        moved = np.roll(picture, 3 * number, 1)
        assert cv2.imwrite(str(images / f"{number}.png"), moved)
    out = tmp_path / "run"
    write = write_folder if name == "stream3r" else write_flat
    weights = write(tmp_path / "weights")
    arguments = ["run", str(images), "--frontend", name, "--weights", str(weights)]
    arguments += ["--out", str(out), "--kv-budget", "2MB", "--set", f"{name}.min_confidence=0"]
    if mode:
        arguments += ["--set", f"{name}.mode={mode}"]
    assert main(arguments) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["complete"] and metrics["tracked"] == 4
    poses = np.loadtxt(out / "trajectory.txt")
    assert poses.shape == (4, 8) and np.isfinite(poses).all()


def test_a_budget_for_a_frontend_without_a_cache_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path), "--frontend", "rgbd", "--kv-budget", "8GB"]) == 2
    assert "stream3r and stream3r-mini and streamvggt" in capsys.readouterr().err

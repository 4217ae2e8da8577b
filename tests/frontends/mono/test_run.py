"""A video becomes a map, its camera a file; what cannot be mapped ends in one line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.cli import main
from mapper.io.cameras.calibration import load_calibration
from mapper.io.sequences.open_sequence import open_sequence

QUICK = ("--set", "mono.depth_width=160", "--set", "mono.planes=48", "--no-save-rrd")


def write_video(path: Path, images: list[np.ndarray]) -> Path:
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (width, height))
    for image in images:
        writer.write(image[..., ::-1])
    writer.release()
    return path


@pytest.fixture(scope="module")
def run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    walk = open_sequence(sample)
    video = write_video(folder / "walk.mp4", [walk[i].image for i in range(60, 130)])
    assert main(["run", str(video), "--out", str(folder / "run"), *QUICK]) == 0
    return folder / "run"


def test_a_video_without_calibration_becomes_a_map(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["frames"] == 70 and metrics["tracked"] == 70
    assert metrics["units"] == "units" and metrics["mesh_vertices"] > 1000
    found = metrics["found_camera"]
    assert found["fx"] == pytest.approx(262.5, rel=0.08)
    assert any("focal length" in note for note in metrics["input_notes"])
    assert len((run / "trajectory.txt").read_text().splitlines()) >= 70


def test_the_camera_that_was_found_is_a_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "camera.yaml"
    assert main(["calibrate", "--from", str(run), "--out", str(out)]) == 0
    assert "focal length" in capsys.readouterr().out
    found = json.loads((run / "metrics.json").read_text())["found_camera"]
    color = load_calibration(out).color
    assert color is not None and color.intrinsics.width == 320
    assert color.intrinsics.fx == pytest.approx(found["fx"])
    assert color.distortion[0] == pytest.approx(found["k1"])


def test_a_board_and_a_run_are_not_one_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "camera.yaml")
    assert main(["calibrate", "pictures", "--from", "run", "--out", out]) == 2
    assert main(["calibrate", "pictures", "--out", out]) == 2
    assert "--pattern and --square" in capsys.readouterr().err


def test_a_still_image_ends_in_one_line(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = open_sequence(sample)[0].image
    video = write_video(tmp_path / "still.mp4", [image] * 12)
    assert main(["run", str(video), "--out", str(tmp_path / "run"), *QUICK]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "12 frames could be placed: the camera did not move" in last

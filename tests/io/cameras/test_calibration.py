"""The calibration file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration, load_calibration, save_calibration
from mapper.io.cameras.camera import Camera

FLAT = "fx: 1\nfy: 2\ncx: 3\ncy: 4\nwidth: 5\nheight: 6\n"


def refused(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_calibration(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_a_saved_calibration_is_read_back(tmp_path: Path) -> None:
    T = np.eye(4)
    T[:3, 3] = 0.025, 0.1, -0.2
    color = Camera(Intrinsics(500.5, 501, 320, 240, 640, 480), (0.1, -0.2, 0.0, 0.001, 0.3))
    saved = Calibration(color, Camera(Intrinsics(585, 585, 160, 120, 320, 240)), T, 5000.0)
    save_calibration(saved, tmp_path / "c.yaml")
    loaded = load_calibration(tmp_path / "c.yaml")
    assert (loaded.color, loaded.depth, loaded.depth_scale) == (color, saved.depth, 5000.0)
    np.testing.assert_array_equal(loaded.T_color_depth, T)
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"] and loaded.camera_kind is None
    save_calibration(replace(saved, camera_kind="lidar"), tmp_path / "c.yaml")
    assert load_calibration(tmp_path / "c.yaml").camera_kind == "lidar"


def test_a_flat_file_is_the_colour_camera(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FLAT + "distortion: [0.1, 0.2, 0, 0]\n")
    calibration = load_calibration(tmp_path / "c.yaml")
    assert calibration.color == Camera(Intrinsics(1, 2, 3, 4, 5, 6), (0.1, 0.2, 0, 0))
    assert calibration.depth is None and calibration.depth_scale is None
    (tmp_path / "c.yaml").write_text(FLAT + "camera_kind: stereo\n")
    assert load_calibration(tmp_path / "c.yaml").camera_kind == "stereo"


def test_bad_calibrations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    refused(path, FLAT + "distorsion: [0, 0, 0, 0]", "'distorsion'; did you mean distortion")
    refused(path, "colour: {fx: 1}", "colour.; did you mean color")
    refused(path, "color: {fx: 1, fy: 1, cx: 0}", "cy, width, height missing")
    refused(path, FLAT.replace("fx: 1", "fx: wide"), "fx is 'wide'")
    refused(path, FLAT.replace("fx: 1", "fx: .nan"), "fx is nan")
    refused(path, FLAT.replace("fx: 1", "fx: -1"), "must be positive")
    refused(path, FLAT.replace("fx: 1", "fx: 1" + "0" * 400), "must be a finite number")
    refused(path, FLAT.replace("width: 5", "width: 5.5"), "whole numbers")
    refused(path, FLAT + "depth_scale: 0", "depth_scale is 0")
    refused(path, FLAT + "camera_kind: kinect", "camera_kind is 'kinect'; known: structured-light")
    refused(path, FLAT + "distortion: [1, 2, 3]", "4, 5, 8, 12 or 14")
    refused(path, "color: {" + FLAT.replace("\n", ", ") + "}\nT_color_depth: [[1]]", "four rows")
    refused(path, "[1, 2", "not valid YAML")
    refused(path, "hello", "expected keys")
    refused(path, "", "expected keys")


def test_depth_and_its_transform_go_together(tmp_path: Path) -> None:
    camera = "{" + FLAT.strip().replace("\n", ", ") + "}"
    both = f"color: {camera}\ndepth: {camera}\n"
    refused(tmp_path / "c.yaml", both, "go together")
    mirror = "[[-1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]"
    refused(tmp_path / "c.yaml", both + f"T_color_depth: {mirror}", "rigid")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.yaml"):
        load_calibration(tmp_path / "gone.yaml")

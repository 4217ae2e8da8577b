"""Calibration files of other programs, each as its program writes it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError
from mapper.io.cameras.calibration import load_calibration
from mapper.io.cameras.camera import Camera

K = np.array([[500.5, 0, 320], [0, 501, 240], [0, 0, 1]])
PINHOLE = Intrinsics(500.5, 501, 320, 240, 640, 480)
ROS = (
    "image_width: 640\nimage_height: 480\ncamera_name: front\n"
    "camera_matrix:\n  rows: 3\n  cols: 3\n  data: [500.5, 0, 320, 0, 501, 240, 0, 0, 1]\n"
    "distortion_model: {}\ndistortion_coefficients:\n  rows: 1\n  cols: 5\n  data: {}\n"
)
MESSAGE = (
    "header:\n  seq: 1\nheight: 480\nwidth: 640\ndistortion_model: plumb_bob\n"
    "D: [0.1, -0.2, 0, 0, 0]\nK: [500.5, 0, 320, 0, 501, 240, 0, 0, 1]\n---\n"
)
KALIBR = (
    "cam0:\n  camera_model: pinhole\n  distortion_coeffs: [0.1, -0.2, 0, 0]\n"
    "  distortion_model: {}\n  intrinsics: [500.5, 501, 320, 240]\n  resolution: [640, 480]\n"
    "cam1:\n  camera_model: pinhole\n"
)
ORB_SLAM = (
    '%YAML:1.0\n\nCamera.type: "PinHole"\nCamera.fx: 500.5\nCamera.fy: 501\nCamera.cx: 320\n'
    "Camera.cy: 240\nCamera.k1: 0.1\nCamera.k2: -0.2\nCamera.p1: 0.\nCamera.p2: 0.\n"
    "Camera.width: 640\nCamera.height: 480\nDepthMapFactor: 5000.0\n"
)


def camera(tmp_path: Path, text: str, name: str = "camera.yaml") -> Camera:
    (tmp_path / name).write_text(text)
    return load_calibration(tmp_path / name).color


@pytest.mark.parametrize("name", ["camera.yml", "camera.xml"])
@pytest.mark.parametrize("fisheye", [False, True])
def test_files_that_opencv_writes(tmp_path: Path, name: str, fisheye: bool) -> None:
    coefficients = [0.1, -0.2, 0.0, 1e-3] if fisheye else [0.1, -0.2, 0, 0, 1e-3]
    storage = cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    if fisheye:
        storage.write("fisheye_model", 1)
    storage.write("camera_matrix", K)
    storage.write("distortion_coefficients", np.array(coefficients))
    storage.release()
    found = load_calibration(tmp_path / name).color
    assert found == Camera(PINHOLE, tuple(coefficients), fisheye)


@pytest.mark.parametrize(
    ("text", "distortion", "fisheye"),
    [
        (ROS.format("plumb_bob", "[0.1, -0.2, 0, 0, 0]"), (0.1, -0.2, 0, 0, 0), False),
        (ROS.format("plumb_bob", "[0, 0, 0, 0, 0]"), (), False),
        (
            ROS.format("rational_polynomial", "[1, 2, 3, 4, 5, 6, 7, 8]"),
            (1, 2, 3, 4, 5, 6, 7, 8),
            False,
        ),
        (ROS.format("equidistant", "[0.1, 0.2, 0.3, 0.4]"), (0.1, 0.2, 0.3, 0.4), True),
        (MESSAGE, (0.1, -0.2, 0, 0, 0), False),
        (KALIBR.format("radtan"), (0.1, -0.2, 0, 0), False),
        (KALIBR.format("equidistant"), (0.1, -0.2, 0, 0), True),
        (ORB_SLAM, (0.1, -0.2, 0, 0, 0), False),
    ],
)
def test_yaml_of_other_programs(
    tmp_path: Path, text: str, distortion: tuple[float, ...], fisheye: bool
) -> None:
    assert camera(tmp_path, text) == Camera(PINHOLE, distortion, fisheye)


def test_the_scale_of_orb_slam(tmp_path: Path) -> None:
    (tmp_path / "orb.yaml").write_text(ORB_SLAM)
    assert load_calibration(tmp_path / "orb.yaml").depth_scale == 5000


@pytest.mark.parametrize(
    ("model", "params", "distortion", "fisheye"),
    [
        ("PINHOLE", "500.5 501 320.5 240.5", (), False),
        ("OPENCV", "500.5 501 320.5 240.5 1 2 3 4", (1, 2, 3, 4), False),
        ("OPENCV_FISHEYE", "500.5 501 320.5 240.5 1 2 3 4", (1, 2, 3, 4), True),
        (
            "FULL_OPENCV",
            "500.5 501 320.5 240.5 1 2 3 4 5 6 7 8",
            (1, 2, 3, 4, 5, 6, 7, 8),
            False,
        ),
    ],
)
def test_colmap_counts_from_the_corner_of_a_pixel(
    tmp_path: Path, model: str, params: str, distortion: tuple[float, ...], fisheye: bool
) -> None:
    text = f"# Camera list\n1 {model} 640 480 {params}\n"
    assert camera(tmp_path, text, "cameras.txt") == Camera(PINHOLE, distortion, fisheye)


@pytest.mark.parametrize(
    ("model", "params", "distortion"),
    [
        ("SIMPLE_PINHOLE", "500 320.5 240.5", ()),
        ("SIMPLE_RADIAL", "500 320.5 240.5 0.1", (0.1, 0, 0, 0)),
        ("RADIAL", "500 320.5 240.5 0.1 0.2", (0.1, 0.2, 0, 0)),
    ],
)
def test_colmap_with_one_focal_length(
    tmp_path: Path, model: str, params: str, distortion: tuple[float, ...]
) -> None:
    found = camera(tmp_path, f"1 {model} 640 480 {params}\n", "cameras.txt")
    assert found == Camera(Intrinsics(500, 500, 320, 240, 640, 480), distortion)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROS.format("omni", "[1, 2, 3, 4]"), "'omni' is not known"),
        (KALIBR.replace("pinhole", "omni"), "only pinhole is read"),
        ("1 FOV 640 480 1 1 1 1 1\n", "FOV is not read here"),
        ("1 PINHOLE 640 480 1 1 1 1\n2 PINHOLE 640 480 2 1 1 1\n", "2 cameras that differ"),
        ("1 PINHOLE 640 480 1 1 1\n", "has 4 parameters"),
        ("%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n   data: [1,0,0,0,1,0,0,0,1]", "width"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>', "entities"),
        ("<opencv_storage><image_width>", "no XML"),
        ("a: &a [1]\n" + "b: [*a,*a,*a,*a,*a,*a,*a]\n" * 5, "too many aliases"),
        ("[" * 5000, "nested too deeply"),
        ("fx: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("fx: 1\nfy: 1\ncx: 1\ncy: 1\nwidth: 100000000\nheight: 9", "larger than any image"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        camera(tmp_path, text)
    assert "camera.yaml" in str(caught.value) and "\n" not in str(caught.value)

"""Depth tells of a wrong unit by its range, and of its camera by its scatter."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.camera_kinds import AUTO, CameraKind
from mapper.core.depth_noise import NOISE_BY_KIND
from mapper.errors import InputError
from mapper.io.sequences.bags.topics import camera_kind
from mapper.io.sequences.depth_readings import check_depth_range, depth_camera
from mapper.io.sequences.fingerprint import fingerprint
from mapper.io.sequences.open_sequence import open_sequence


def fill(folder: Path, value: float, dtype: type) -> None:
    for path in (folder / "depth").iterdir():
        path.unlink()
        depth: np.ndarray = np.full((30, 40), value, dtype)
        if dtype is np.uint16:
            assert cv2.imwrite(str(path), depth)
        else:
            np.save(path.with_suffix(".npy"), depth)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (2, np.uint16, "below 0.002 m, so the depth scale must be wrong"),
        (2500.0, np.float32, "beyond 2500 m, so the depth scale must be wrong"),
    ],
)
def test_depth_that_no_camera_sees(
    rgbd_folder: Path, value: float, dtype: type, words: str
) -> None:
    fill(rgbd_folder, value, dtype)
    with pytest.raises(InputError, match=words):
        check_depth_range(open_sequence(rgbd_folder))


@pytest.mark.parametrize("value", [0, 50, 2000, 60000])
def test_depth_that_may_be(rgbd_folder: Path, value: int) -> None:
    fill(rgbd_folder, value, np.uint16)
    (rgbd_folder / "depth/0.png").write_bytes(b"")  # unreadable: that frame alone
    check_depth_range(open_sequence(rgbd_folder))


def test_published_datasets_know_their_camera(tum: Path, sevenscenes: Path) -> None:
    freiburg = tum.rename(tum.with_name("rgbd_dataset_freiburg1_made_up"))
    for path in (freiburg, sevenscenes):
        sequence = open_sequence(path, max_frames=2)
        camera = depth_camera(sequence, AUTO)
        assert camera is not None and (camera.kind, camera.why) == (
            "structured-light",
            "by the input",
        )
        asked = depth_camera(sequence, "time-of-flight")
        assert asked is not None and asked.noise == NOISE_BY_KIND["time-of-flight"]


def test_colour_alone_has_no_depth_camera(video: Path) -> None:
    assert depth_camera(open_sequence(video), "stereo") is None


def test_the_calibration_goes_before_the_format_and_is_the_same_input(tum: Path) -> None:
    freiburg = tum.rename(tum.with_name("rgbd_dataset_freiburg1_made_up"))
    (freiburg / "calibration.yaml").write_text(CALIBRATION)
    unsaid = open_sequence(freiburg)
    (freiburg / "calibration.yaml").write_text(CALIBRATION + "camera_kind: stereo\n")
    said = open_sequence(freiburg)
    assert (unsaid.camera_kind, said.camera_kind) == ("structured-light", "stereo")
    assert fingerprint(unsaid) == fingerprint(said)


CALIBRATION = "fx: 50\nfy: 50\ncx: 31.5\ncy: 23.5\nwidth: 64\nheight: 48\n"


def folder_of(path: Path, size: tuple[int, int], sigma: float) -> Path:
    """Two frames of a wall that stands aslant, by a camera that nobody knows."""
    width, height = size
    rng = np.random.default_rng(0)
    for name in ("rgb", "depth"):
        (path / name).mkdir(parents=True)
    for index in range(2):
        cv2.imwrite(str(path / f"rgb/{index}.png"), np.full((height, width, 3), 99, np.uint8))
        wall = 1 / (0.25 + 0.75 * np.arange(width) / width) + np.zeros((height, 1))
        wall += sigma * wall * rng.standard_normal(wall.shape)
        cv2.imwrite(str(path / f"depth/{index}.png"), (1000 * wall).astype(np.uint16))
    text = f"fx: {width}\nfy: {width}\ncx: {width / 2}\ncy: {height / 2}\n"
    (path / "calibration.yaml").write_text(f"{text}width: {width}\nheight: {height}\n")
    return path


def test_a_camera_that_nobody_knows_is_estimated(tmp_path: Path) -> None:
    sequence = open_sequence(folder_of(tmp_path / "walk", (320, 240), 0.02))
    camera = depth_camera(sequence, AUTO)
    assert camera is not None and camera.kind == "estimated"
    assert camera.noise.sigma(2.0) == pytest.approx(0.04, rel=0.2)


def test_depth_of_arkits_size_is_of_a_lidar(tmp_path: Path) -> None:
    assert open_sequence(folder_of(tmp_path / "walk", (256, 192), 0.01)).camera_kind == "lidar"


@pytest.mark.parametrize(
    ("topic", "device", "kind"),
    [
        ("/device_0/sensor_0/Depth_0/image/data", "Intel RealSense D435", "stereo"),
        ("/device_0/sensor_0/Depth_0/image/data", "Intel RealSense L515", "lidar"),
        ("/device_0/sensor_0/Depth_0/image/data", "Intel RealSense SR305", "structured-light"),
        ("/camera/aligned_depth_to_color/image_raw", "", "stereo"),
        ("/k4a/depth_to_rgb/image_raw", "", "time-of-flight"),
        ("/kinect2/qhd/image_depth_rect", "", "time-of-flight"),
        ("/camera/depth/image", "", None),
        (None, "Intel RealSense D435", None),
    ],
)
def test_bags_tell_by_their_topics_and_by_the_cameras_name(
    topic: str | None, device: str, kind: CameraKind | None
) -> None:
    assert camera_kind(topic, device) == kind

"""EuRoC's csv and yaml with the pose of the body; Replica's traj.txt and cam_params.json."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.registry import open_dataset
from mapper.io.trajectory_files import EUROC_HEADER
from tests.support.images import write_image
from tests.support.poses import has_pose

START = 1403636579763555584  # ns
SENSOR = """#Default camera sensor yaml file
sensor_type: camera
T_BS:
  cols: 4
  rows: 4
  data: [0.0, -1.0, 0.0, 0.1,
         1.0, 0.0, 0.0, 0.0,
         0.0, 0.0, 1.0, 0.0,
         0.0, 0.0, 0.0, 1.0]
rate_hz: 20
resolution: [752, 480]
camera_model: pinhole
intrinsics: [458.654, 457.296, 367.215, 248.375] #fu, fv, cu, cv
distortion_model: radial-tangential
distortion_coefficients: [-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05]
"""


@pytest.fixture
def euroc(tmp_path: Path) -> Path:
    """Three images at 20/s; poses from 4 ms after the second on: turned 90 degrees about z."""
    mav = tmp_path / "machine_hall/MH_01_easy/mav0"
    times = [START + 50_000_000 * i for i in range(3)]
    for i, time in enumerate(times):
        write_image(mav / f"cam0/data/{time}.png", i)
    rows = [f"{time},{time}.png\r\n" for time in times]
    (mav / "cam0/data.csv").write_text("#timestamp [ns],filename\r\n" + "".join(rows))
    (mav / "cam0/sensor.yaml").write_text(SENSOR)
    truth = mav / "state_groundtruth_estimate0/data.csv"
    truth.parent.mkdir()
    half = 0.5**0.5
    pose = f"1,2,3,{half},0,0,{half},0,0,0"  # position, quaternion wxyz, velocity
    rows = [f"{times[1] + delay * 1_000_000},{pose}" for delay in (4, 9, 54)]
    truth.write_text("\n".join([EUROC_HEADER, *rows]))
    return tmp_path


def test_euroc_brings_the_bodys_pose_to_the_camera(euroc: Path) -> None:
    dataset = open_dataset("euroc", euroc)
    assert dataset.names() == ["machine_hall/MH_01_easy"]
    assert open_dataset("euroc", euroc / "machine_hall").names() == ["MH_01_easy"]
    (sequence,) = dataset.sequences()
    np.testing.assert_allclose(np.diff(sequence.timestamps), 0.05, atol=1e-6)
    assert has_pose(sequence).tolist() == [False, True, True]
    assert sequence.T_world_camera is not None
    # The body at (1, 2, 3) has its x along the world's y: the camera, 0.1 m along that x, is at
    # (1, 2.1, 3). Two quarter turns about z make a half turn.
    expected = [[-1.0, 0, 0, 1], [0, -1.0, 0, 2.1], [0.0, 0, 1, 3], [0.0, 0, 0, 1]]
    np.testing.assert_allclose(sequence.T_world_camera[1], expected, atol=1e-12)
    assert sequence.intrinsics == Intrinsics(458.654, 457.296, 367.215, 248.375, 752, 480)
    assert sequence.distortion == (-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cam0/sensor.yaml", SENSOR.replace("radial-t", "equi-t"), "distortion_model is equi"),
        ("cam0/sensor.yaml", "resolution: [752, 480]", "expected T_BS, intrinsics"),
        ("cam0/sensor.yaml", "a: [", "expected T_BS, intrinsics"),
        ("cam0/sensor.yaml", SENSOR.replace("[458", "[-458"), "make no camera"),
        ("cam0/data.csv", "0.5,a.png", "expected lines `timestamp"),
        ("cam0/data.csv", "5,a.png", "cam0/data/a.png is missing"),
        ("state_groundtruth_estimate0/data.csv", "1,2,3", "no EuRoC pose"),
    ],
)
def test_euroc_damage_is_named(euroc: Path, name: str, content: str, words: str) -> None:
    (euroc / "machine_hall/MH_01_easy/mav0" / name).write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        open_dataset("euroc", euroc).sequences()
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("name", ["cam0/sensor.yaml", "state_groundtruth_estimate0/data.csv"])
def test_euroc_missing_files_are_named(euroc: Path, name: str) -> None:
    (euroc / "machine_hall/MH_01_easy/mav0" / name).unlink()
    with pytest.raises(InputError, match=f"mav0/{name} is missing: expected"):
        open_dataset("euroc", euroc).sequences()


CAMERA = {"w": 1200, "h": 680, "fx": 600.0, "fy": 601.0, "cx": 599.5, "cy": 339.5, "scale": 6553.5}


@pytest.fixture
def replica(tmp_path: Path) -> Path:
    """Two frames of room0, at (i, 0, 0), of 2 m depth with one saturated pixel."""
    folder = tmp_path / "Replica"
    depth = np.full((30, 40), 13107, np.uint16)  # 2 * 6553.5
    depth[0, 0] = 65535
    for i in range(2):
        write_image(folder / f"room0/results/frame{i:06d}.jpg", i)
        assert cv2.imwrite(str(folder / f"room0/results/depth{i:06d}.png"), depth)
    rows = [f"0 -1 0 {i} 1 0 0 0 0 0 1 0 0 0 0 1" for i in range(2)]
    (folder / "room0/traj.txt").write_text("\n".join(rows))
    (folder / "cam_params.json").write_text(json.dumps({"camera": CAMERA}))
    return tmp_path


def test_replica_poses_are_taken_as_they_are(replica: Path) -> None:
    (sequence,) = open_dataset("replica", replica).sequences()
    assert sequence.name == "room0" and len(sequence) == 2
    assert sequence.T_world_camera is not None
    expected = [[0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(sequence.T_world_camera[1], expected)
    assert sequence.intrinsics == Intrinsics(600, 601, 599.5, 339.5, 1200, 680)
    assert sequence.depths is not None and sequence.read_depth is not None
    depth = sequence.read_depth(sequence.depths[1])
    assert depth[0, 0] == 0
    np.testing.assert_allclose(depth[1:], 2.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cam_params.json", "{}", "cam_params.json: expected"),
        ("cam_params.json", json.dumps({"camera": CAMERA | {"scale": 0}}), "scale is 0"),
        ("cam_params.json", json.dumps({"camera": CAMERA | {"scale": np.nan}}), "scale is nan"),
        (
            "cam_params.json",
            json.dumps({"camera": CAMERA | {"w": np.inf}}),
            "params.json: expected",
        ),
        ("cam_params.json", json.dumps({"camera": CAMERA | {"fx": 0}}), "cam_params.json: intrin"),
        ("room0/traj.txt", "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", "1 poses for 2 images"),
        ("room0/traj.txt", "1 0 x", "traj.txt: expected camera poses"),
        ("cam_params.json", None, "cam_params.json is missing"),
        ("room0/traj.txt", None, "traj.txt is missing"),
        ("room0/results/depth000001.png", None, "depth000001.png is missing"),
    ],
)
def test_replica_damage_is_named(replica: Path, name: str, content: str | None, words: str) -> None:
    path = replica / "Replica" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(InputError, match=words):
        open_dataset("replica", replica).sequences()

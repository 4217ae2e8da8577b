"""Datasets as they are downloaded, mapped by `mapper run`: one small copy of each layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import ConfigError
from mapper.io.sequences.open_sequence import open_sequence, sequence_name
from tests.support.captures import (
    COUNT,
    HEIGHT,
    WIDTH,
    quaternion_xyzw,
    true_pose,
    true_poses,
    write_small_depth,
)
from tests.support.images import write_depth, write_image

MATRIX = f"40 0 19.5 0 0 41 14.5 0 0 0 1 0 0 0 0 1 {''}"


def rows(T: np.ndarray) -> str:
    return "\n".join(" ".join(map(repr, row)) for row in T.tolist())


def check_truth(path: Path, kind: str) -> None:
    sequence = open_sequence(path)
    assert (sequence.kind, len(sequence)) == (kind, COUNT)
    assert sequence.name == sequence_name(path)
    truth = sequence.ground_truth
    assert truth is not None
    np.testing.assert_allclose(truth.T_world_camera, true_poses(), atol=1e-6)
    np.testing.assert_allclose(truth.timestamps, sequence.timestamps)
    assert open_sequence(path, poses="off").ground_truth is None


def write_scannet(folder: Path) -> Path:
    for index in range(COUNT):
        write_image(folder / f"color/{index}.jpg", index)
        write_small_depth(folder / f"depth/{index}.png", index)
        (folder / "pose").mkdir(exist_ok=True)
        (folder / f"pose/{index}.txt").write_text(rows(true_pose(index)))
    (folder / "intrinsic").mkdir()
    (folder / "intrinsic/intrinsic_color.txt").write_text(MATRIX)
    return folder


def test_an_exported_scan_of_scannet(tmp_path: Path) -> None:
    path = write_scannet(tmp_path / "scene0707_00")
    check_truth(path, "scannet")
    frame = open_sequence(path)[1]
    assert frame.depth is not None and frame.depth.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(frame.depth, 1.1, rtol=1e-6)
    (path / "pose/1.txt").write_text("-inf " * 16)
    (path / "pose/2.txt").write_text("2 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1")
    sequence = open_sequence(path)
    assert sequence.ground_truth is not None and len(sequence.ground_truth) == COUNT - 2
    told = "1 poses are left out, the first: "
    assert any(told in note and "2.txt: the rotation of pose" in note for note in sequence.notes)


def test_bundlefusions_frames_are_in_the_view_of_depth(tmp_path: Path) -> None:
    folder = tmp_path / "apt0"
    for index in range(COUNT):
        write_image(folder / f"frame-{index:06d}.color.jpg", index, 2 * WIDTH, 2 * HEIGHT)
        write_depth(folder / f"frame-{index:06d}.depth.png", 2000)
        (folder / f"frame-{index:06d}.pose.txt").write_text(rows(true_pose(index)))
    (folder / "info.txt").write_text(
        f"m_colorWidth = {2 * WIDTH}\nm_colorHeight = {2 * HEIGHT}\nm_depthWidth = {WIDTH}\n"
        f"m_depthHeight = {HEIGHT}\nm_depthShift = 1000\n"
        "m_calibrationColorIntrinsic = 80 0 39.5 0 0 82 29.5 0 0 0 1 0 0 0 0 1\n"
        f"m_calibrationDepthIntrinsic = {MATRIX}\n"
    )
    check_truth(folder, "bundlefusion")
    frame = open_sequence(folder)[0]
    assert frame.depth is not None and frame.intrinsics is not None
    assert frame.depth.shape == (HEIGHT, WIDTH) and frame.intrinsics.fx == 40
    assert abs(int(frame.image[15, 20, 1]) - 40) <= 3  # green tells the column of colour


def test_stamped_images_of_redwood(tmp_path: Path) -> None:
    folder = tmp_path / "00001"
    for index in range(COUNT):
        stamp = f"{33_333 * index:012d}"
        write_image(folder / f"rgb/{index + 1:07d}-{stamp}.jpg", index, 640, 480)
        write_depth(folder / f"depth/{index + 1:07d}-{stamp}.png", 1500, 640, 480)
    sequence = open_sequence(folder)
    assert (sequence.kind, len(sequence), sequence.ground_truth) == ("redwood", COUNT, None)
    assert sequence.timestamps[2] == pytest.approx(0.066666)
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 525
    with pytest.raises(ConfigError, match="--poses truth: no poses come along"):
        open_sequence(folder, poses="truth")


def test_a_scene_of_redwood_has_its_trajectory_in_a_log(tmp_path: Path) -> None:
    folder = tmp_path / "lounge"
    for index in range(COUNT):
        write_image(folder / f"color/{index + 1:06d}.png", index, 640, 480)
        write_depth(folder / f"depth/{index + 1:06d}.png", 1500, 640, 480)
    lines = [f"{i} {i} {i + 1}\n{rows(true_pose(i))}" for i in range(COUNT)]
    (tmp_path / "lounge_trajectory.log").write_text("\n".join(lines))
    check_truth(folder, "redwood")


def test_another_programs_log_makes_no_redwood(rgbd_folder: Path) -> None:
    (rgbd_folder / "run.log").write_text("10 20 30 started\n")
    assert open_sequence(rgbd_folder).kind == "images"


def test_icl_nuims_mirrored_camera_is_turned_into_one_that_is_not(tmp_path: Path) -> None:
    """A point has the same pixel by the published camera (fy = -480) and by ours."""
    folder = tmp_path / "lr_kt0"
    (folder / "depth").mkdir(parents=True)
    lines, poses = [], []
    for index in range(1, COUNT):
        write_image(folder / f"rgb/{index}.png", index, 640, 480)
        write_depth(folder / f"depth/{index}.png", 10000, 640, 480)
        T = true_pose(index)
        poses.append(T)
        lines.append(" ".join(map(repr, [float(index), *T[:3, 3], *quaternion_xyzw(T)])))
    text = "\n".join(lines).replace("np.float64(", "").replace(")", "")
    (folder / "livingRoom0.gt.freiburg").write_text(text)
    (folder / "associations.txt").write_text("1 depth/1.png 1 rgb/1.png\n")
    sequence = open_sequence(folder)
    assert (sequence.kind, len(sequence)) == ("icl-nuim", COUNT - 1)
    assert sequence.ground_truth is not None and sequence.intrinsics is not None
    frame = sequence[0]
    assert frame.depth is not None and frame.depth[0, 0] == 2
    point = np.array([0.3, -0.2, 2.5, 1.0])
    mirrored = point * [1, -1, 1, 1]
    for published, ours in zip(poses, sequence.ground_truth.T_world_camera, strict=True):
        x, y, z = (np.linalg.inv(published) @ point)[:3]
        u, v, w = sequence.intrinsics.matrix @ (np.linalg.inv(ours) @ mirrored)[:3]
        np.testing.assert_allclose([u / w, v / w], [481.2 * x / z + 319.5, -480 * y / z + 239.5])


def test_a_flight_of_euroc_is_undistorted_and_its_truth_is_the_cameras(tmp_path: Path) -> None:
    mav = tmp_path / "MH_01_easy/mav0"
    start = 1403636579763555584
    times = [start + 50_000_000 * i for i in range(COUNT)]
    for index, time in enumerate(times):
        write_image(mav / f"cam0/data/{time}.png", index)
    (mav / "cam0/data.csv").write_text("".join(f"{t},{t}.png\n" for t in times))
    T_body_camera = true_pose(2)
    data = ", ".join(map(repr, T_body_camera.ravel().tolist()))
    (mav / "cam0/sensor.yaml").write_text(
        f"T_BS:\n  cols: 4\n  rows: 4\n  data: [{data}]\nresolution: [{WIDTH}, {HEIGHT}]\n"
        "camera_model: pinhole\nintrinsics: [40, 41, 19.5, 14.5]\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [-0.2, 0.07, 0, 0]\n"
    )
    lines = []
    for index, time in enumerate(times):
        T = true_pose(index) @ np.linalg.inv(T_body_camera)
        x, y, z, w = quaternion_xyzw(T).tolist()
        lines.append(",".join(map(repr, [*T[:3, 3].tolist(), w, x, y, z])))
        lines[-1] = f"{time},{lines[-1]}"
    truth = mav / "state_groundtruth_estimate0/data.csv"
    truth.parent.mkdir()
    truth.write_text("\n".join(lines))
    check_truth(mav.parent, "euroc")
    sequence = open_sequence(mav.parent)
    assert not sequence.has_depth and sequence[0].image[0, 0, 1] > 0  # the corner lay within


@pytest.mark.parametrize("above", [True, False])
def test_a_room_of_replica(tmp_path: Path, above: bool) -> None:
    folder = tmp_path / "room0"
    for index in range(COUNT):
        write_image(folder / f"results/frame{index:06d}.jpg", index)
        write_depth(folder / f"results/depth{index:06d}.png", 6554)
    lines = [" ".join(map(repr, T.ravel().tolist())) for T in true_poses()]
    (folder / "traj.txt").write_text("\n".join(lines))
    camera = {"w": WIDTH, "h": HEIGHT, "fx": 40, "fy": 41, "cx": 19.5, "cy": 14.5, "scale": 6553.5}
    place = tmp_path if above else folder
    (place / "cam_params.json").write_text(json.dumps({"camera": camera}))
    check_truth(folder, "replica")
    depth = open_sequence(folder)[0].depth
    assert depth is not None
    np.testing.assert_allclose(depth, 6554 / 6553.5, rtol=1e-6)

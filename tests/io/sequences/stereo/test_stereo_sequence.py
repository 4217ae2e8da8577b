"""Pairs of images become depth in metres; what cannot be is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper import Mapper, open_sequence
from mapper.core.geometry import pose
from mapper.errors import ConfigError, InputError
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.sequences.depth_readings import depth_camera
from mapper.io.sequences.fingerprint import fingerprint
from tests.support.views.stereo import (
    BASELINE,
    INTRINSICS,
    in_flow,
    left_poses,
    renderer,
    write_euroc,
    write_kitti,
    write_png,
    write_sides,
)

TOED_IN = pose(cv2.Rodrigues(np.array([0.02, -0.03, 0.01]))[0], np.array([BASELINE, 0.004, -0.003]))


def true_depth(T_room_left: np.ndarray) -> np.ndarray:
    return renderer().view(T_room_left, INTRINSICS).depth


def test_a_room_in_stereo_is_tracked_in_metres(tmp_path: Path) -> None:
    sequence = open_sequence(write_kitti(tmp_path / "07", 12))
    assert (sequence.kind, sequence.has_depth, sequence.camera_kind) == ("kitti", True, "stereo")
    mapper = Mapper()
    for frame in sequence:
        mapper.step(frame)
    assert sequence.ground_truth is not None
    result = mapper.finish().trajectory
    evaluation = evaluate(result, sequence.ground_truth, expected_frames=len(sequence))
    assert evaluation.coverage == 1.0
    assert evaluation.ate_se3.rmse < 0.01


def test_depth_is_as_noisy_as_it_says(tmp_path: Path) -> None:
    sequence = open_sequence(write_sides(tmp_path / "pair", 3))
    frame, true = sequence[1], true_depth(left_poses()[1])
    assert frame.depth is not None and frame.noise is not None
    read = frame.depth > 0
    assert read.mean() > 0.8
    sigma = np.array([frame.noise.sigma(z) for z in true[read]])
    off = (frame.depth - true)[read] / sigma
    assert 0.5 < 1.4826 * np.median(np.abs(off)) < 1.5
    assert abs(np.median(off)) < 0.2
    camera = depth_camera(sequence, "auto")
    assert camera is not None and (camera.kind, camera.why) == ("stereo", "by its baseline")
    assert camera.noise.sigma(2.0) == pytest.approx(4 * 0.3 / (INTRINSICS.fx * BASELINE))
    asked = depth_camera(sequence, "lidar")
    assert asked is not None and asked.kind == "lidar"


def test_euroc_is_rectified_and_its_truth_with_it(tmp_path: Path) -> None:
    sequence = open_sequence(write_euroc(tmp_path / "MH_01", 2, TOED_IN))
    assert (sequence.kind, sequence.name, len(sequence)) == ("euroc", "MH_01", 2)
    assert sequence.has_depth and sequence.intrinsics is not None
    assert sequence.ground_truth is not None
    pose_of_rectified = sequence.ground_truth.T_world_camera[1]
    frame = sequence[1]
    assert frame.depth is not None
    view = renderer().view(pose_of_rectified, sequence.intrinsics)
    read = frame.depth > 0
    assert read.mean() > 0.7
    # In pixels of disparity: what is rectified wrongly is off by whole ones.
    baseline = np.linalg.norm(TOED_IN[:3, 3])
    off = sequence.intrinsics.fx * baseline * (1 / frame.depth[read] - 1 / view.depth[read])
    assert abs(np.median(off)) < 0.1
    assert np.median(np.abs(off)) < 0.4


def test_euroc_with_one_camera_has_no_depth(tmp_path: Path) -> None:
    folder = write_euroc(tmp_path / "MH_01", 2, TOED_IN)
    (folder / "mav0/cam1/data.csv").unlink()
    assert not open_sequence(folder).has_depth


def test_a_calibration_with_both_cameras_rectifies(tmp_path: Path) -> None:
    folder = write_sides(tmp_path / "pair", 2)
    rows = pose(np.eye(3), np.array([BASELINE, 0, 0])).tolist()
    ours, kalibr = tmp_path / "ours.yaml", tmp_path / "camchain.yaml"
    camera = in_flow(INTRINSICS)
    ours.write_text(f"left: {camera}\nright: {camera}\nT_left_right: {rows}\n")
    k = INTRINSICS
    chain = (
        f"camera_model: pinhole, intrinsics: [{k.fx}, {k.fy}, {k.cx}, {k.cy}], "
        f"resolution: [{k.width}, {k.height}], distortion_model: radtan, "
        "distortion_coeffs: [0, 0, 0, 0]"
    )
    T_cn_cnm1 = pose(np.eye(3), np.array([-BASELINE, 0, 0])).tolist()
    kalibr.write_text(f"cam0: {{{chain}}}\ncam1: {{{chain}, T_cn_cnm1: {T_cn_cnm1}}}\n")
    orb_slam = tmp_path / "orb.yaml"
    orb_slam.write_text(
        f"%YAML:1.0\nCamera.fx: {k.fx}\nCamera.fy: {k.fy}\nCamera.cx: {k.cx}\nCamera.cy: {k.cy}\n"
        f"Camera.width: {k.width}\nCamera.height: {k.height}\nCamera.bf: {k.fx * BASELINE}\n"
    )
    expected = open_sequence(folder)[0].depth
    assert expected is not None
    for path in (ours, kalibr, orb_slam):
        depth = open_sequence(folder, calibration=path)[0].depth
        assert depth is not None
        np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_a_calibration_of_one_camera_leaves_the_right_one_out(tmp_path: Path) -> None:
    one = tmp_path / "one.yaml"
    one.write_text(f"color: {in_flow(INTRINSICS)}\n")
    for folder in (write_kitti(tmp_path / "07", 2), write_euroc(tmp_path / "MH_01", 2, TOED_IN)):
        assert open_sequence(folder).has_depth
        assert not open_sequence(folder, calibration=one).has_depth


def test_streets_are_told_to_be_far(tmp_path: Path) -> None:
    near = open_sequence(write_kitti(tmp_path / "07", 1))
    far = open_sequence(write_kitti(tmp_path / "08", 1, baseline=20 * BASELINE))
    assert not any("--config street" in note for note in near.notes)
    assert any("--config street" in note for note in far.notes)


@pytest.mark.parametrize("layout", ["sides", "kitti"])
def test_swapped_images_are_refused(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / "07"
    if layout == "sides":
        write_sides(folder, 3, swapped=True)
    else:
        write_kitti(folder, 3)
        (folder / "image_2").rename(folder / "kept")
        (folder / "image_3").rename(folder / "image_2")
        (folder / "kept").rename(folder / "image_3")
    with pytest.raises(InputError, match=r"left and right images are swapped: \d\d% of the left"):
        open_sequence(folder)


def test_a_swapped_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"calib\.txt: by the calibration the right camera stands"):
        open_sequence(write_kitti(tmp_path / "07", 2, baseline=-BASELINE))
    above = pose(np.eye(3), np.array([0, -BASELINE, 0]))
    with pytest.raises(
        InputError, match=r"sensor\.yaml: the two cameras do not stand side by side"
    ):
        open_sequence(write_euroc(tmp_path / "MH_01", 2, above))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no calibration of two cameras"),
        ("fx: 1\nfy: 1\ncx: 1\ncy: 1\nwidth: 4\nheight: 4\n", "no calibration of two cameras"),
        ("left: {fx: 1}\nright: {fx: 1}\n", "holds left, right, and T_left_right or"),
        ("left: {fx: 1}\nright: {fx: 1}\nbaseline: 1\n", "left: fy, cx, cy, width, height missing"),
        ("left: {}\nrihgt: {}\n", "rihgt"),
        ("left: CAMERA\nright: CAMERA\nbaseline: 0\n", "baseline must be a positive number"),
        ("left: CAMERA\nright: CAMERA\nT_left_right: [[1, 2]]\n", "four rows of four numbers"),
    ],
)
def test_a_calibration_that_will_not_do(tmp_path: Path, text: str | None, words: str) -> None:
    folder = write_sides(tmp_path / "pair", 1)
    (folder / "stereo.yaml").unlink()
    if text is not None:
        (folder / "stereo.yaml").write_text(text.replace("CAMERA", in_flow(INTRINSICS)))
    with pytest.raises((InputError, ConfigError), match=words):
        open_sequence(folder)


def test_images_without_a_partner_are_counted(tmp_path: Path) -> None:
    folder = write_sides(tmp_path / "pair", 4)
    whole = fingerprint(open_sequence(folder))
    (folder / "right/0002.png").unlink()
    sequence = open_sequence(folder)
    assert len(sequence) == 3
    np.testing.assert_allclose(sequence.lonely_times, [2 / 30])
    np.testing.assert_allclose(sequence.timestamps, [0, 1 / 30, 3 / 30])
    assert fingerprint(sequence) != whole
    for path in (folder / "right").iterdir():
        path.rename(path.with_stem("R" + path.stem))
    with pytest.raises(InputError, match="4 images, and 3 of other names"):
        open_sequence(folder)


def test_masks_go_the_way_of_the_left_image(tmp_path: Path) -> None:
    folder = write_sides(tmp_path / "pair", 2)
    for index in range(2):
        mask = np.full((240, 320, 3), 255, np.uint8)
        mask[:100] = 0
        write_png(tmp_path / f"masks/{index:04d}.png", mask)
    frame = open_sequence(folder, mask_dir=tmp_path / "masks")[0]
    assert frame.mask is not None and frame.depth is not None
    assert not frame.mask[:100].any() and frame.mask[100:].all()
    assert not frame.depth[:100].any() and frame.depth[100:].any()

"""Every format: detected, read in order, with times, depth, cameras and ground truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.pairing import associate
from mapper.io.sequences.sevenscenes import COLOR_CAMERA, DEPTH_CAMERA, T_COLOR_DEPTH


def frame_number(image: np.ndarray) -> int:
    return int(image[0, 0, 0]) // 10


def test_tum_reads_colour_depth_and_full_rate_ground_truth(tum: Path) -> None:
    sequence = open_sequence(tum)
    assert (sequence.kind, sequence.name, len(sequence)) == ("tum", "made_up", 5)
    frame = sequence[3]
    assert frame.image[4, 7].tolist() == [30, 7, 4]  # red, green, blue in this order
    assert frame.depth is not None
    np.testing.assert_allclose(frame.depth, 1.3, rtol=1e-6)
    assert frame.timestamp == pytest.approx(100.3) and frame.intrinsics == sequence.intrinsics
    assert sequence.ground_truth is not None and len(sequence.ground_truth) == 10
    np.testing.assert_array_equal(sequence.ground_truth.positions[:, 0], np.arange(10))


def test_tum_leaves_out_frames_without_depth_in_time(tum: Path) -> None:
    lines = (tum / "depth.txt").read_text().splitlines()
    lines[2] = "100.121 depth/1.png"  # 21 ms from 100.1, above the tolerance
    (tum / "depth.txt").write_text("\n".join(lines))
    sequence = open_sequence(tum)
    assert [frame_number(sequence[i].image) for i in range(len(sequence))] == [0, 2, 3, 4]


def test_tum_colour_alone_needs_no_camera(tum: Path) -> None:
    (tum / "depth.txt").unlink()
    shutil.rmtree(tum / "depth")
    (tum / "calibration.yaml").unlink()
    sequence = open_sequence(tum)
    assert not sequence.has_depth and sequence.intrinsics is None and sequence[0].depth is None


def test_tum_knows_the_published_cameras(tum: Path) -> None:
    (tum / "calibration.yaml").unlink()
    sequence = open_sequence(tum.rename(tum.with_name("rgbd_dataset_freiburg3_desk")))
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 535.4


def test_association_takes_the_closest_pair_first_and_each_image_once() -> None:
    pairs = associate(np.array([0.0, 0.010, 0.1]), np.array([0.009, 0.018, 0.5]), 0.02)
    # 0.010-0.009 is closest; 0.0 could then only have 0.018; 0.1 has none.
    assert pairs.tolist() == [[0, 1], [1, 0]]


def test_sevenscenes_frames_are_the_depth_cameras_by_default(sevenscenes: Path) -> None:
    sequence = open_sequence(sevenscenes.parent)
    frame = sequence[2]
    assert (sequence.kind, sequence.name, len(sequence)) == ("7scenes", "office/seq-03", 4)
    assert sequence.intrinsics == DEPTH_CAMERA and frame.timestamp == pytest.approx(2 / 30)
    assert frame.depth is not None and frame.depth[5, 7] == frame.depth[6, 7] == 0
    assert frame.depth[100, 100] == pytest.approx(2.0)
    assert sequence.ground_truth is not None
    assert sequence.ground_truth.T_world_camera[2, 0, 3] == 2


def test_sevenscenes_ground_truth_follows_the_frames_camera(sevenscenes: Path) -> None:
    sequence = open_sequence(sevenscenes, registration="depth_to_color")
    assert sequence.intrinsics == COLOR_CAMERA and sequence.ground_truth is not None
    T_world_color = sequence.ground_truth.T_world_camera[2]
    point = np.array([0.3, -0.2, 2.0, 1.0])  # of the depth camera, whose pose is x = 2
    np.testing.assert_allclose(T_world_color @ T_COLOR_DEPTH @ point, point + [2, 0, 0, 0])


def test_a_scene_with_several_sequences_lists_them(sevenscenes: Path) -> None:
    (sevenscenes.parent / "seq-04").mkdir()
    with pytest.raises(InputError, match="seq-03, seq-04"):
        open_sequence(sevenscenes.parent)


def test_kitti_composes_the_baseline_of_the_colour_camera(kitti: Path) -> None:
    sequence = open_sequence(kitti)
    assert (sequence.kind, len(sequence), sequence.has_depth) == ("kitti", 3, False)
    assert sequence.intrinsics is not None and sequence.intrinsics.fy == 41
    assert sequence.ground_truth is not None
    # P2's last column is fx * 0.06: x_cam2 = x_cam0 + 0.06, so camera 2 sits at x_cam0 = -0.06.
    np.testing.assert_allclose(sequence.ground_truth.positions[2], [-0.06, 0, 2])
    np.testing.assert_allclose(sequence.timestamps, [0, 0.1, 0.2])


def test_kitti_reads_grey_images_and_poses_in_the_folder(kitti: Path) -> None:
    (kitti / "image_2").rename(kitti / "image_0")
    (kitti.parents[1] / "poses" / "07.txt").rename(kitti / "poses.txt")
    sequence = open_sequence(kitti)
    assert sequence.ground_truth is not None
    np.testing.assert_allclose(sequence.ground_truth.positions[2], [0, 0, 2])


@pytest.mark.parametrize("inside", ["", "rgb"])
def test_image_folder_pairs_by_natural_order(rgbd_folder: Path, inside: str) -> None:
    sequence = open_sequence(rgbd_folder / inside)
    frame = sequence[10]
    assert (sequence.kind, len(sequence)) == ("images", 11)
    assert frame_number(frame.image) == 10
    assert frame.depth is not None
    np.testing.assert_allclose(frame.depth, 2.0, rtol=1e-6)


def test_image_folder_without_depth_needs_no_camera(rgbd_folder: Path) -> None:
    (rgbd_folder / "depth").rename(rgbd_folder / "other")
    (rgbd_folder / "calibration.yaml").unlink()
    sequence = open_sequence(rgbd_folder)
    assert sequence.intrinsics is None and sequence[0].depth is None


def test_image_folder_without_a_reading_in_a_frame_is_fine(rgbd_folder: Path) -> None:
    cv2.imwrite(str(rgbd_folder / "depth/0.png"), np.zeros((30, 40), np.uint16))
    depth = open_sequence(rgbd_folder)[0].depth
    assert depth is not None and not depth.any()


def test_video_reads_forwards_and_backwards(video: Path) -> None:
    sequence = open_sequence(video)
    assert (sequence.kind, len(sequence), sequence.has_depth) == ("video", 12, False)
    for index in (0, 1, 7, 3, 11, 0):
        assert abs(float(sequence[index].image.mean()) - 20 * index) < 3
    assert sequence.timestamps[5] == pytest.approx(0.5)
    sequence.close()
    with pytest.raises(InputError, match="closed"):
        sequence[0]


def test_shared_tum_sequence(shared_data: Callable[[str], Path]) -> None:
    sequence = open_sequence(shared_data("tum/rgbd_dataset_freiburg3_cabinet_58"))
    frame = sequence[57]
    assert len(sequence) == 58 and sequence.ground_truth is not None
    assert frame.intrinsics is not None and frame.intrinsics.fx == 535.4
    assert frame.depth is not None and 0.3 < np.median(frame.depth[frame.depth > 0]) < 5


def test_shared_sevenscenes_colour_edges_meet_depth_edges(
    shared_data: Callable[[str], Path],
) -> None:
    """Registered colour changes at jumps in depth more than unregistered colour does."""
    strengths = {}
    for registration in ("none", "color_to_depth"):
        path = shared_data("7scenes/redkitchen")
        sequence = open_sequence(path, registration=registration, stride=250)
        strengths[registration] = np.mean([edge_strength(sequence[i]) for i in range(4)])
    assert strengths["color_to_depth"] > 1.2 * strengths["none"]


def edge_strength(frame: Frame) -> float:
    """Mean colour gradient at the near side of jumps in depth over that of the whole image."""
    depth, image = frame.depth, frame.image
    assert depth is not None
    jump = (depth[:, 4:] > 1.1 * depth[:, :-4]) & (depth[:, :-4] > 0)
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    gradient = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))[:, 2:-2]
    return float(gradient[jump].mean() / gradient.mean())

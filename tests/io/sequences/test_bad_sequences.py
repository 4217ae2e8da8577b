"""Bad input ends in one line that names the file and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.open_sequence import open_sequence

Cut = Callable[[Path], None]


def refused(words: str, path: Path, **options: object) -> None:
    with pytest.raises((InputError, ConfigError), match=words) as caught:
        open_sequence(path, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_missing_and_empty_folders_and_other_files(tmp_path: Path) -> None:
    refused("nowhere: no such file", tmp_path / "nowhere")
    refused("empty", tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    refused("no sequence", tmp_path / "notes.txt")
    refused("no sequence found", tmp_path)


def test_addresses_are_sent_to_mapper_live(tmp_path: Path) -> None:
    address = "http://camera.local/stream.mp4"
    refused(f"mapper live --camera {address}$", Path(address))


def test_frames_that_cannot_be_asked_for_are_told_by_their_options(tum: Path) -> None:
    refused("from -1 on, every 1, at most all: --start", tum, start=-1)
    refused("at most 0: --start .* --max-frames at least 1", tum, max_frames=0)


def test_tum_of_an_unknown_camera(tum: Path) -> None:
    (tum / "calibration.yaml").unlink()
    refused("--calib", tum)


def test_tum_without_common_times(tum: Path) -> None:
    (tum / "depth.txt").write_text("5.0 depth/0.png")
    refused("no colour and depth images within", tum)


@pytest.mark.parametrize("line", ["100.1", "soon rgb/1.png"])
def test_tum_with_a_damaged_list(tum: Path, line: str) -> None:
    (tum / "rgb.txt").write_text(line)
    refused("rgb.txt:1: expected", tum)


def test_tum_with_damaged_ground_truth(tum: Path) -> None:
    """Truth is optional: the map is made, and the fault is told."""
    for damaged in ("100.0 0 0 0 0 0 0 7", "100.0 0 0", "no pose"):
        (tum / "groundtruth.txt").write_text(f"# comment\n{damaged}")
        sequence = open_sequence(tum)
        assert sequence.ground_truth is None and len(sequence) == 5
        assert "groundtruth.txt:2: expected `timestamp tx" in sequence.notes[0]


def test_a_truncated_image_spoils_only_its_frame(tum: Path, cut: Cut) -> None:
    cut(tum / "rgb/2.png")
    cut(tum / "depth/3.png")
    sequence = open_sequence(tum)
    for index, name in ((2, "rgb/2.png"), (3, "depth/3.png")):
        with pytest.raises(InputError, match=f"{name}.*cut short"):
            sequence[index]
    assert sequence[4].index == 4


def test_a_truncated_jpeg_and_files_of_other_kinds(rgbd_folder: Path, cut: Cut) -> None:
    for i in range(11):
        image = cv2.imread(str(rgbd_folder / f"rgb/{i}.png"))
        assert image is not None and cv2.imwrite(str(rgbd_folder / f"rgb/{i}.jpg"), image)
        (rgbd_folder / f"rgb/{i}.png").unlink()
    cut(rgbd_folder / "rgb/1.jpg")
    (rgbd_folder / "rgb/2.jpg").write_bytes(b"no image")
    (rgbd_folder / "rgb/3.jpg").write_bytes(b"")
    sequence = open_sequence(rgbd_folder)
    for index in (1, 2, 3):
        with pytest.raises(InputError, match=f"rgb/{index}.jpg"):
            sequence[index]


def test_a_missing_image(tum: Path) -> None:
    (tum / "rgb/2.png").unlink()
    with pytest.raises(InputError, match=r"rgb/2.png: No such file"):
        open_sequence(tum)[2]


@pytest.mark.parametrize("folder", ["rgb", "depth"])
def test_mixed_sizes(rgbd_folder: Path, folder: str) -> None:
    pixels = np.zeros((20, 40), np.uint16 if folder == "depth" else np.uint8)
    cv2.imwrite(str(rgbd_folder / folder / "4.png"), pixels)
    with pytest.raises(InputError, match=f"{folder}/4.png: 40x20 pixels.*40x30"):
        open_sequence(rgbd_folder)[4]


def test_depth_without_camera(rgbd_folder: Path) -> None:
    (rgbd_folder / "calibration.yaml").unlink()
    refused("--calib", rgbd_folder)


def test_depth_of_eight_bits_or_of_colour(rgbd_folder: Path) -> None:
    cv2.imwrite(str(rgbd_folder / "depth/0.png"), np.zeros((30, 40), np.uint8))
    colours = np.zeros((30, 40, 3), np.uint8)
    colours[..., 1] = 9
    cv2.imwrite(str(rgbd_folder / "depth/1.png"), colours)
    sequence = open_sequence(rgbd_folder)
    for index, words in enumerate(("uint8", "3 channels")):
        with pytest.raises(InputError, match=words):
            sequence[index]


def test_kitti_with_missing_files(kitti: Path) -> None:
    (kitti / "times.txt").write_text("0\n0.1\n")
    refused("2 times for 3 images", kitti)
    (kitti / "times.txt").write_text("0\n0.2\n0.1\n")
    refused("timestamps go back", kitti)
    (kitti / "times.txt").write_text("0\n0.1\n0.2\n")
    (kitti / "calib.txt").write_text("P0: 1 2 3\n")
    refused("no line P2", kitti)
    (kitti / "calib.txt").write_text(f"P2: {'0 ' * 12}\n")
    refused("P2 must hold 12 numbers", kitti)
    (kitti / "calib.txt").write_text("P2: -1 0 0 0 0 1 0 0 0 0 1 0\n")
    refused("calib.txt: intrinsics .* make no camera", kitti)
    (kitti / "calib.txt").unlink()
    refused("calib.txt is missing", kitti)


def test_kitti_with_poses_of_another_sequence(kitti: Path) -> None:
    (kitti / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    sequence = open_sequence(kitti)
    assert sequence.ground_truth is None
    assert "1 poses for 3 images" in sequence.notes[0]
    (kitti / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" * 2 + "2 0 0 0 0 1 0 0 0 0 1 0\n")
    sequence = open_sequence(kitti)
    assert sequence.ground_truth is None and "the rotation of pose 2" in sequence.notes[0]


def test_sevenscenes_with_a_damaged_or_lost_pose(sevenscenes: Path) -> None:
    np.savetxt(sevenscenes / "frame-000001.pose.txt", np.full((4, 4), -np.inf))
    sequence = open_sequence(sevenscenes)
    assert sequence.ground_truth is not None and len(sequence.ground_truth) == 3
    (sevenscenes / "frame-000001.pose.txt").write_text("1 2 3")
    sequence = open_sequence(sevenscenes)
    assert sequence.ground_truth is None
    assert "frame-000001.pose.txt: expected camera poses" in sequence.notes[-1]
    np.savetxt(sevenscenes / "frame-000001.pose.txt", np.diag([0.0, 0, 0, 1]))
    sequence = open_sequence(sevenscenes)
    assert sequence.ground_truth is None and "the rotation of pose 0" in sequence.notes[-1]


def test_a_video_that_is_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video" * 100)
    refused("clip.mp4: not a readable video", tmp_path / "clip.mp4")
    assert capfd.readouterr().err == ""


@pytest.fixture
def noisy_video(tmp_path: Path) -> Path:
    """Twelve frames of noise, 2.5 kB each: half of the file still holds some of them."""
    path = tmp_path / "noise.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(12):
        writer.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    return path


def test_a_truncated_video_gives_its_frames_and_then_says_so(noisy_video: Path, cut: Cut) -> None:
    whole = [frame.image for frame in open_sequence(noisy_video)]
    cut(noisy_video)
    sequence = open_sequence(noisy_video)
    frames = iter(sequence)
    for image in whole[:4]:
        np.testing.assert_array_equal(next(frames).image, image)
    with pytest.raises(InputError, match=r"noise\.avi: the video ends at frame [4-7] of 12"):
        list(frames)


def test_a_video_without_its_head_is_refused(video: Path, cut: Cut) -> None:
    cut(video)  # smooth images are so small that half of this file is less than its head
    refused(r"clip\.avi: not a readable video", video)


def test_options_that_make_no_sense(tum: Path, video: Path) -> None:
    refused("every 0, at most all: .* --stride", tum, stride=0)
    refused("start 9 is behind the last of 5", tum, start=9)
    refused("registration `sideways` is unknown", tum, registration="sideways")
    refused("needs `depth` and `T_color_depth`", tum, registration="depth_to_color")
    refused("a video has no depth", video, registration="depth_to_color")

"""TUM and Bonn: the papers' selections, and whole recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.datasets.preparation import Preparation
from mapper.io.datasets.registry import open_dataset
from tests.support.images import write_depth, write_image
from tests.support.poses import has_pose

BONN = "rgbd_bonn_dataset/rgbd_bonn_balloon2"
WALKING = "rgbd_dataset_freiburg3_walking_xyz"


def write_selection(folder: Path, count: int) -> None:
    """rgb_N, depth_N (1 + i m) and groundtruth_N.txt; positions (1 + i, 2, 3), no rotation."""
    for i in range(count):
        write_image(folder / f"rgb_{count}/{100 + 0.1 * i:.4f}.png", i)
        write_depth(folder / f"depth_{count}/{100 + 0.1 * i:.4f}.png", 5000 * (1 + i))
    poses = [f"{100 + 0.1 * i:.4f} {1 + i} 2 3 0 0 0 1" for i in range(count)]
    (folder / f"groundtruth_{count}.txt").write_text("\n".join(poses))


def write_recording(folder: Path) -> None:
    """Four images at 10 Hz; depth for all but the third; poses (i, 0, 0) for all but the first."""
    lists: dict[str, list[str]] = {"rgb": ["# time file"], "depth": ["# time file"]}
    for i in range(4):
        write_image(folder / f"rgb/{i}.png", i)
        lists["rgb"].append(f"{100 + 0.1 * i:.3f} rgb/{i}.png")
        if i != 2:
            write_depth(folder / f"depth/{i}.png", 5000)
            lists["depth"].append(f"{100.01 + 0.1 * i:.3f} depth/{i}.png")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines))
    poses = [f"{100.005 + 0.1 * i:.3f} {i} 0 0 0 0 0 1" for i in (1, 1, 2, 3)]
    (folder / "groundtruth.txt").write_text("# comment\n" + "\n".join(poses))


def test_the_largest_selection_is_read(tmp_path: Path) -> None:
    for count in (2, 3):
        write_selection(tmp_path / WALKING, count)
    sequence = open_dataset("tum-dynamics", tmp_path).sequence(WALKING)
    assert len(sequence) == 3 and sequence.images[0].parent.name == "rgb_3"
    folder = tmp_path / WALKING / "rgb_3"  # 0.1 s are three frames at 30/s
    assert sequence.prepared == Preparation(folder, stride=3, is_told=True, limit=3, pose_gap=0.0)
    np.testing.assert_allclose(sequence.timestamps, [100, 100.1, 100.2])
    assert sequence.T_world_camera is not None
    np.testing.assert_allclose(sequence.T_world_camera[2, :3, 3], [3, 2, 3])
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 535.4
    assert sequence.depths is not None and sequence.read_depth is not None
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[1]), 2.0)


def test_names_tell_the_stride_of_a_selection_whose_poses_have_their_own_rate(
    tmp_path: Path,
) -> None:
    """Bonn's script takes poses by their place in the file, here 0.01 s one after the other."""
    write_selection(tmp_path / BONN, 3)
    poses = [f"{100 + 0.01 * i:.2f} {i} 0 0 0 0 0 1" for i in range(3)]
    (tmp_path / BONN / "groundtruth_3.txt").write_text("\n".join(poses))
    prepared = open_dataset("bonn", tmp_path).sequence("balloon2").prepared
    assert prepared is not None and (prepared.stride, prepared.is_told) == (3, True)
    assert prepared.pose_gap == pytest.approx(0.18)
    for path in (tmp_path / BONN / "rgb_3").iterdir():
        path.rename(path.with_name(f"{path.stem[4]}.png"))  # 0.png, 1.png, 2.png
    prepared = open_dataset("bonn", tmp_path).sequence("balloon2").prepared
    assert prepared is not None and not prepared.is_told and prepared.pose_gap == 0


def test_a_selection_of_other_length_than_its_poses_is_refused(tmp_path: Path) -> None:
    write_selection(tmp_path / WALKING, 3)
    path = tmp_path / WALKING / "groundtruth_3.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:2]))
    with pytest.raises(InputError, match=r"groundtruth_3.txt: 2 poses for 3 images in rgb_3"):
        open_dataset("tum-dynamics", tmp_path).sequences()
    path.unlink()
    with pytest.raises(InputError, match=r"groundtruth_3.txt is missing: expected"):
        open_dataset("tum-dynamics", tmp_path).sequences()


def test_a_recording_gives_the_images_with_a_pose_or_those_with_depth(tmp_path: Path) -> None:
    write_recording(tmp_path / WALKING)
    posed = open_dataset("tum-dynamics", tmp_path).sequence(WALKING)
    assert [path.name for path in posed.images] == ["1.png", "2.png", "3.png"]
    assert posed.depths is None and has_pose(posed).all() and not posed.prepared
    deep = open_dataset("tum", tmp_path).sequence(WALKING)
    assert [path.name for path in deep.images] == ["0.png", "1.png", "3.png"]
    assert has_pose(deep).tolist() == [False, True, True] and deep.T_world_camera is not None
    np.testing.assert_allclose(deep.T_world_camera[1:, 0, 3], [1, 3])


def test_bonn_moves_the_markers_poses_to_the_camera(tmp_path: Path) -> None:
    write_selection(tmp_path / BONN, 2)
    dataset = open_dataset("bonn", tmp_path)
    assert dataset.names() == ["balloon2"]
    sequence = dataset.sequence("balloon2")
    assert sequence.T_world_camera is not None and len(sequence.distortion) == 5
    # T_ros maps (x, y, z) to (-x, z, y) and is its own inverse, so without rotation the camera is
    # at T_ros (1, 2, 3) + t_m, turned by R_m, which is published with a scale of 1.059.
    np.testing.assert_allclose(
        sequence.T_world_camera[0, :3, 3], [-1 + 0.0113, 3 - 0.0098, 2 + 0.0111]
    )
    published = [[1.0157, 0.1828, -0.2389], [0.0009, -0.8431, -0.6413], [-0.3009, 0.6147, -0.8085]]
    np.testing.assert_allclose(1.059 * sequence.T_world_camera[0, :3, :3], published, atol=2e-3)
    markers = open_dataset("bonn-markers", tmp_path).sequence("balloon2").T_world_camera
    assert markers is not None
    np.testing.assert_allclose(markers[0, :3, 3], [1, 2, 3])


def test_bonn_recordings_keep_the_images_with_depth(tmp_path: Path) -> None:
    write_recording(tmp_path / BONN)
    sequence = open_dataset("bonn-markers", tmp_path).sequence("balloon2")
    assert [path.name for path in sequence.images] == ["0.png", "1.png", "3.png"]
    assert has_pose(sequence).tolist() == [False, True, True]
    assert sequence.depths is not None and sequence.read_depth is not None
    assert [path.name for path in sequence.depths] == ["0.png", "1.png", "3.png"]
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[0]), 1.0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rgb.txt", "100.0\n", "rgb.txt:1: expected `timestamp filename`"),
        ("rgb.txt", "# nothing\n", "rgb.txt: no images listed"),
        ("depth.txt", "900.0 depth/0.png\n", "within 0.02 s of a line of depth.txt"),
        ("groundtruth.txt", "100.0 1 2 3\n", "groundtruth.txt:1: expected `timestamp tx"),
        ("groundtruth.txt", "100.0 1 2 3 0 0 0 0\n", "groundtruth.txt: there are no poses"),
    ],
)
def test_damaged_lists_are_named(tmp_path: Path, name: str, content: str, words: str) -> None:
    write_recording(tmp_path / BONN)
    (tmp_path / BONN / name).write_text(content)
    with pytest.raises(InputError, match=words):
        open_dataset("bonn", tmp_path).sequences()


def test_the_real_recording(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("tum/rgbd_dataset_freiburg3_cabinet_58").parent
    for name in ("tum", "tum-dynamics"):
        (sequence,) = open_dataset(name, root).sequences()
        assert len(sequence) == 58 and has_pose(sequence).all()
        assert sequence.T_world_camera is not None
        # The first line of groundtruth.txt, whose time is that of the first image.
        np.testing.assert_allclose(sequence.T_world_camera[0, :3, 3], [-2.5508, 0.9872, 1.1019])

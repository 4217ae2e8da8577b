"""NYU's prepared folders; ScanNet's selections and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.preparation import Preparation
from mapper.io.datasets.registry import open_dataset
from tests.support.images import HEIGHT, WIDTH, write_depth, write_image
from tests.support.poses import has_pose

SCENE = "scene0707_00"
# A quarter turn about z, at (1, 2, 3).
POSE = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]


@pytest.fixture
def nyu(tmp_path: Path) -> Path:
    for i in range(2):
        write_image(tmp_path / f"val/nyu_images/{i}.png", i, 640, 480)
        depth = np.full((480, 640), 1.5 + i)
        depth[0, 0] = np.nan
        (tmp_path / "val/nyu_depths").mkdir(exist_ok=True)
        np.save(tmp_path / f"val/nyu_depths/{i}.npy", depth)
    return tmp_path


def test_nyu_is_one_set_of_single_images(nyu: Path) -> None:
    for root in (nyu, nyu / "val"):
        (sequence,) = open_dataset("nyu", root).sequences()
        assert sequence.name == "val" and len(sequence) == 2 and sequence.T_world_camera is None
        assert sequence.intrinsics is not None and sequence.intrinsics.fx == 518.85790117
        assert sequence.depths is not None and sequence.read_depth is not None
        depth = sequence.read_depth(sequence.depths[1])
        assert depth.dtype == np.float32 and (depth[0, 0], depth[0, 1]) == (0.0, 2.5)


def test_nyu_damage_is_named(nyu: Path) -> None:
    (sequence,) = open_dataset("nyu", nyu).sequences()
    assert sequence.depths is not None and sequence.read_depth is not None
    sequence.depths[0].write_bytes(b"junk")
    with pytest.raises(InputError, match=r"nyu_depths/0.npy: no readable image"):
        sequence.read_depth(sequence.depths[0])
    np.save(sequence.depths[0], np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match=r"nyu_depths/0.npy: an array of .2, 3, 4."):
        sequence.read_depth(sequence.depths[0])
    sequence.depths[0].unlink()
    with pytest.raises(InputError, match="nyu_depths: 1 files for 2 images"):
        open_dataset("nyu", nyu).sequences()


def test_nyu_packed_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "nyu_depth_v2_labeled.mat").touch()
    with pytest.raises(InputError, match=r"labeled.mat: the packed file is not read; export it"):
        open_dataset("nyu", tmp_path).names()


@pytest.mark.parametrize("columns", [12, 16])
def test_scannet_selection(tmp_path: Path, columns: int) -> None:
    folder = tmp_path / SCENE
    for i in range(2):
        write_image(folder / f"color_2/frame_{i:04d}.jpg", i)
        write_depth(folder / f"depth_2/frame_{i:04d}.png", 1500)
    rows = np.stack([np.array(POSE, float), np.full((4, 4), -np.inf)]).reshape(2, 16)
    np.savetxt(folder / "pose_2.txt", rows[:, :columns])
    (sequence,) = open_dataset("scannet", tmp_path).sequences()
    assert sequence.name == SCENE and sequence.intrinsics is None
    assert sequence.prepared == Preparation(folder / "color_2", 3, is_told=False, limit=2)
    np.testing.assert_allclose(sequence.timestamps, [0, 0.1])  # every third frame at 30/s
    assert sequence.T_world_camera is not None
    np.testing.assert_allclose(sequence.T_world_camera[0], POSE)
    assert has_pose(sequence).tolist() == [True, False]
    assert sequence.depths is not None and sequence.read_depth is not None
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[0]), 1.5)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Eleven frames of a scan as the official tool writes them: 0.jpg ... 10.jpg."""
    folder = tmp_path / "scans" / SCENE
    for i in range(11):
        write_image(folder / f"color/{i}.jpg", i)
        write_depth(folder / f"depth/{i}.png", 1000 + i, 20, 15)
        (folder / "pose").mkdir(exist_ok=True)
        np.savetxt(folder / f"pose/{i}.txt", np.array(POSE) + [[0, 0, 0, i], *[[0] * 4] * 3])
    (folder / "intrinsic").mkdir()
    camera = np.diag([40.0, 41.0, 1.0, 1.0])
    camera[:2, 2] = 19.5, 14.5
    np.savetxt(folder / "intrinsic/intrinsic_color.txt", camera)
    return tmp_path


def test_scannet_export_is_in_the_order_of_numbers(export: Path) -> None:
    (sequence,) = open_dataset("scannet", export).sequences()
    assert [int(path.stem) for path in sequence.images] == list(range(11))
    assert sequence.T_world_camera is not None and not sequence.prepared
    np.testing.assert_allclose(sequence.T_world_camera[:, 0, 3], 1 + np.arange(11))
    assert sequence.intrinsics == Intrinsics(40, 41, 19.5, 14.5, WIDTH, HEIGHT)
    assert sequence.depths is not None and sequence.read_depth is not None
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[10]), 1.010, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "expected a camera matrix"), ("1 0 x", "expected a camera"), ("0 " * 16, "intrinsics")],
)
def test_scannet_without_a_camera_is_named(export: Path, text: str, words: str) -> None:
    (export / "scans" / SCENE / "intrinsic/intrinsic_color.txt").write_text(text)
    with pytest.raises(InputError, match=f"intrinsic_color.txt: {words}"):
        open_dataset("scannet", export).sequences()


def test_scannet_damage_is_named(export: Path) -> None:
    pose = export / "scans" / SCENE / "pose/3.txt"
    np.savetxt(pose, np.diag([1.0, 1, -1, 1]))
    with pytest.raises(InputError, match=r"pose/3.txt: the rotation of pose 0 is none"):
        open_dataset("scannet", export).sequences()
    pose.write_text("1 2 3")
    with pytest.raises(InputError, match=r"pose/3.txt: expected camera poses"):
        open_dataset("scannet", export).sequences()
    pose.unlink()
    with pytest.raises(InputError, match=r"pose/3.txt is missing: expected a pose"):
        open_dataset("scannet", export).sequences()


def test_scannet_frames_that_kept_their_numbers_tell_their_stride(export: Path) -> None:
    folder = export / "scans" / SCENE
    (folder / "color").rename(folder / "color_2")
    for path in (folder / "color_2").iterdir():
        if path.stem not in ("0", "10"):
            path.unlink()
    np.savetxt(folder / "pose_2.txt", np.array([POSE, POSE], float).reshape(2, 16))
    sequence = open_dataset("scannet", export).sequence(SCENE)
    assert sequence.prepared == Preparation(folder / "color_2", 10, is_told=True, limit=2)
    np.testing.assert_allclose(sequence.timestamps, [0, 10 / 30])

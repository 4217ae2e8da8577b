"""KITTI: odometry with poses of the colour camera, and the selections with laser depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.preparation import Preparation
from mapper.io.datasets.registry import open_dataset
from tests.support.images import HEIGHT, WIDTH, write_depth, write_image

DRIVE = "2011_09_26_drive_0002_sync"
CROPPED = "depth_selection/val_selection_cropped"


def test_odometry_has_the_poses_of_the_colour_camera(kitti: Path) -> None:
    root = kitti.parents[1]
    write_image(root / "sequences/11/image_2/000000.png", 0)
    (root / "sequences/11/calib.txt").write_text((kitti / "calib.txt").read_text())
    (root / "sequences/11/times.txt").write_text("0.0\n")
    for place in (root, root.parent):
        dataset = open_dataset("kitti-odometry", place)
        assert dataset.names() == ["07", "11"]
        first, second = dataset.sequences()
        assert first.T_world_camera is not None and second.T_world_camera is None
        # P2 has 2.4 = 40 * 0.06 in its last column: camera 2 stands 0.06 m left of camera 0.
        np.testing.assert_allclose(first.T_world_camera[2, :3, 3], [-0.06, 0, 2], atol=1e-12)
        np.testing.assert_allclose(first.timestamps, [0, 0.1, 0.2])
        assert first.intrinsics == Intrinsics(40, 41, 19.5, 14.5, WIDTH, HEIGHT)


def test_odometry_names_the_file_that_is_missing(kitti: Path) -> None:
    (kitti / "calib.txt").unlink()
    with pytest.raises(InputError, match=r"sequences/07/calib.txt is missing"):
        open_dataset("kitti-odometry", kitti.parents[1]).sequences()


def write_gathered(home: Path, suffix: str, count: int) -> None:
    for i in range(count):
        write_image(home / f"image_gathered{suffix}/{DRIVE}_02/{i + 5:010d}.png", i)
        folder = home / f"groundtruth_depth_gathered{suffix}/{DRIVE}_02"
        write_depth(folder / f"{i + 5:010d}.png", 256 * (i + 1) + 128)


def test_gathered_drives_pair_by_order_at_256_units_a_metre(tmp_path: Path) -> None:
    write_gathered(tmp_path / CROPPED, "", 2)
    (sequence,) = open_dataset("kitti-depth", tmp_path).sequences()
    folder = tmp_path / CROPPED / "image_gathered"
    assert sequence.name == f"{DRIVE}_02"
    assert sequence.prepared == Preparation(folder, stride=1, is_told=True, limit=110)
    assert sequence.T_world_camera is None and sequence.intrinsics is None
    assert sequence.depths is not None and sequence.read_depth is not None
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[1]), 2.5)
    write_gathered(tmp_path / CROPPED, "_3", 3)
    (longer,) = open_dataset("kitti-depth", tmp_path).sequences()
    assert len(longer) == 3 and longer.images[0].parent.parent.name == "image_gathered_3"
    assert longer.prepared is not None and longer.prepared.was_cut(3)


def test_gathered_drives_without_their_depth_are_refused(tmp_path: Path) -> None:
    write_gathered(tmp_path, "", 2)
    folder = tmp_path / f"groundtruth_depth_gathered/{DRIVE}_02"
    next(folder.iterdir()).unlink()
    with pytest.raises(InputError, match=f"{folder}: 1 files for 2 images"):
        open_dataset("kitti-depth", tmp_path).sequences()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{folder} is missing: expected"):
        open_dataset("kitti-depth", tmp_path).sequences()


@pytest.fixture
def selection(tmp_path: Path) -> Path:
    """The download: one drive, two frames of camera 2 and one of camera 3."""
    for frame, camera in ((5, "02"), (17, "02"), (8, "03")):
        name = f"{frame:010d}_image_{camera}"
        write_image(tmp_path / CROPPED / f"image/{DRIVE}_image_{name}.png", frame)
        depth = tmp_path / CROPPED / f"groundtruth_depth/{DRIVE}_groundtruth_depth_{name}.png"
        write_depth(depth, 256 * frame)
        camera_path = tmp_path / CROPPED / f"intrinsics/{DRIVE}_image_{name}.txt"
        camera_path.parent.mkdir(exist_ok=True)
        camera_path.write_text("40 0 19.5 0 41 14.5 0 0 1")
    return tmp_path


def test_the_download_is_put_into_drives(selection: Path) -> None:
    second, third = open_dataset("kitti-depth", selection).sequences()
    assert (second.name, third.name) == (f"{DRIVE}_02", f"{DRIVE}_03")
    np.testing.assert_allclose(second.timestamps, [0.5, 1.7])  # frames 5 and 17 at 10/s
    assert second.prepared == Preparation(selection / CROPPED / "image", 12, True, limit=0)
    assert second.depths is not None and second.read_depth is not None
    np.testing.assert_allclose(second.read_depth(second.depths[1]), 17.0)
    assert second.intrinsics == Intrinsics(40, 41, 19.5, 14.5, WIDTH, HEIGHT)


def test_the_download_names_what_is_missing_or_misnamed(selection: Path) -> None:
    home = selection / CROPPED
    depth = next((home / "groundtruth_depth").glob("*0000000017*"))
    depth.unlink()
    with pytest.raises(InputError, match=f"{depth} is missing: expected the depth of"):
        open_dataset("kitti-depth", selection).sequences()
    write_image(home / "image/5.png", 0)
    with pytest.raises(InputError, match=r"image/5.png: expected a name like"):
        open_dataset("kitti-depth", selection).names()

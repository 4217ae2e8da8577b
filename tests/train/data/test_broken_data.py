"""Data that is almost right is refused with the name of its file, before it teaches nonsense."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import InputError
from mapper.train.data.processed import processed_scenes
from mapper.train.data.scene import View, checked, packed_scenes

FILE = "train_00000.npz"
K = np.array([[20.0, 0, 13.5], [0, 20.0, 9.5], [0, 0, 1]])


def room(folder: Path, **changed: np.ndarray) -> Path:
    """A file of four views of a wall, some of its arrays changed."""
    arrays = {
        "images": np.zeros((4, 20, 28, 3), np.uint8),
        "depth": np.full((4, 20, 28), 2, np.float16),
        "T_world_camera": np.tile(np.eye(4), (4, 1, 1)),
        "intrinsics": K,
    }
    np.savez(folder / FILE, **(arrays | changed))  # type: ignore[arg-type]
    return folder


def test_a_whole_room_is_read(tmp_path: Path) -> None:
    (scene,) = packed_scenes(room(tmp_path))
    assert scene.view(3).depth.max() == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"depth": np.full((4, 28, 20), 2, np.float16)},
        {"depth": np.full((3, 20, 28), 2, np.float16)},
        {"depth": np.zeros((4, 20, 28), np.float16)},
        {"depth": np.full((4, 20, 28), np.inf, np.float16)},
        {"depth": np.full((4, 20, 28), 2000, np.float16)},
        {"intrinsics": np.full((3, 3), np.nan)},
        {"intrinsics": np.zeros((3, 3))},
        {"intrinsics": np.eye(4)},
        {"intrinsics": np.tile(K, (4, 1, 1))},
        {"intrinsics": np.diag([4.0, 4.0, 1.0]) @ K},  # of the image before it was made smaller
        {"T_world_camera": np.zeros((4, 4, 4))},
        {"T_world_camera": np.tile(np.eye(4)[:3], (4, 1, 1))},
        {"T_world_camera": np.tile(np.diag([2.0, 2, 2, 1]), (4, 1, 1))},
        {"T_world_camera": np.tile(np.diag([1.0, 1, -1, 1]), (4, 1, 1))},
        {"images": np.zeros((4, 20, 28), np.uint8)},
        {"images": np.zeros((4, 3, 20, 28), np.uint8)},
        {"images": np.zeros((4, 20, 28, 3), np.float32)},
    ],
)
def test_arrays_that_do_not_go_together(tmp_path: Path, changed: dict[str, np.ndarray]) -> None:
    (scene,) = packed_scenes(room(tmp_path, **changed))
    with pytest.raises(InputError, match=FILE):
        scene.view(0)


def test_a_matrix_that_is_written_by_columns_is_no_pose() -> None:
    T = np.eye(4)
    T[3, :3] = 1, 2, 3
    view = View(np.zeros((20, 28, 3), np.uint8), np.ones((20, 28), np.float32), T, K)
    with pytest.raises(InputError, match=r"here: a pose that is no"):
        checked(view, "here")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_told_before_the_training(tmp_path: Path, share: float) -> None:
    whole = (room(tmp_path) / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=FILE):
        packed_scenes(tmp_path)


def test_bytes_that_changed_inside(tmp_path: Path) -> None:
    whole = (room(tmp_path) / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:3000] + b"x" * 99 + whole[3099:])
    with pytest.raises(InputError, match=FILE):
        packed_scenes(tmp_path)[0].view(0)


def processed(folder: Path, **camera: np.ndarray) -> Path:
    """A scene of one image of 28x20, with a camera's file of these arrays."""
    for name in ("rgb", "depth", "cam"):
        (folder / name).mkdir()
    cv2.imwrite(str(folder / "rgb" / "0.png"), np.zeros((20, 28, 3), np.uint8))
    np.save(folder / "depth" / "0.npy", np.full((20, 28), 2, np.float32))
    np.savez(folder / "cam" / "0.npz", **camera)  # type: ignore[arg-type]
    return folder


def test_depth_of_processed_folders(tmp_path: Path) -> None:
    (scene,) = processed_scenes(processed(tmp_path, pose=np.eye(4), intrinsics=K))
    assert scene.view(0).depth.max() == 2
    file = tmp_path / "depth" / "0.npy"
    np.save(file, np.full((28, 20), 2, np.float32))
    with pytest.raises(InputError, match=r"0\.npy: depth of 20x28 for an image of 28x20"):
        scene.view(0)
    for wrong in (b"", b"no array"):
        file.write_bytes(wrong)
        with pytest.raises(InputError, match=r"0\.npy: no depth"):
            scene.view(0)


@pytest.mark.parametrize(
    "camera",
    [
        {"pose": np.eye(4), "intrinsics": np.full((3, 3), np.nan)},
        {"pose": np.eye(4)[:2], "intrinsics": K},
        {"R_cam2world": np.eye(3), "intrinsics": K},
        {"R_cam2world": np.eye(4), "t_cam2world": np.zeros(3), "intrinsics": K},
    ],
)
def test_cameras_of_processed_folders(tmp_path: Path, camera: dict[str, np.ndarray]) -> None:
    (scene,) = processed_scenes(processed(tmp_path, **camera))
    with pytest.raises(InputError, match=r"0\.(npz|png)"):
        scene.view(0)


def test_a_camera_file_that_is_empty(tmp_path: Path) -> None:
    (processed(tmp_path) / "cam" / "0.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"0\.npz"):
        list(processed_scenes(tmp_path))

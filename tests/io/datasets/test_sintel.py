"""Sintel: .cam, .dpt and the three folders of the training part."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.registry import open_dataset
from tests.support.images import HEIGHT, WIDTH, write_image

TAG = 202021.25
K = [500.0, 0, 19.5, 0, 510.0, 14.5, 0, 0, 1]
# A quarter turn about z: the world's x axis is the camera's y axis.
T_CAMERA_WORLD = [0.0, -1, 0, 1, 1, 0, 0, 2, 0, 0, 1, 3]


def write_cam(path: Path, k: list[float] = K) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<f9d12d", TAG, *k, *T_CAMERA_WORLD))


def write_dpt(path: Path, depth: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = depth.shape
    path.write_bytes(struct.pack("<f2i", TAG, width, height) + depth.astype("<f4").tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """alley_1 with two frames whose depth is 2 m and, at one pixel, infinite."""
    depth = np.full((HEIGHT, WIDTH), 2.0)
    depth[4, 7], depth[5, 7] = np.inf, 30000.0
    for i in (1, 2):
        write_image(tmp_path / f"training/final/alley_1/frame_{i:04d}.png", i)
        write_cam(tmp_path / f"training/camdata_left/alley_1/frame_{i:04d}.cam")
        write_dpt(tmp_path / f"training/depth/alley_1/frame_{i:04d}.dpt", depth)
    return tmp_path


def test_cameras_are_inverted_and_depth_is_metres(root: Path) -> None:
    dataset = open_dataset("sintel", root)
    assert dataset.names() == ["alley_1"]
    sequence = dataset.sequence("alley_1")
    assert [path.name for path in sequence.images] == ["frame_0001.png", "frame_0002.png"]
    np.testing.assert_allclose(sequence.timestamps, [1 / 24, 2 / 24])
    # The centre is -R^T t with R^T = [[0, 1, 0], [-1, 0, 0], [0, 0, 1]] and t = (1, 2, 3).
    expected = [[0, 1, 0, -2], [-1, 0, 0, 1], [0, 0, 1, -3], [0, 0, 0, 1]]
    assert sequence.T_world_camera is not None
    np.testing.assert_allclose(sequence.T_world_camera[1], expected, atol=1e-12)
    assert sequence.intrinsics == Intrinsics(500, 510, 19.5, 14.5, WIDTH, HEIGHT)
    assert sequence.depths is not None and sequence.read_depth is not None
    depth = sequence.read_depth(sequence.depths[0])
    assert depth.dtype == np.float32 and depth.shape == (HEIGHT, WIDTH)
    assert (depth[0, 0], depth[4, 7], depth[5, 7]) == (2.0, 0.0, 30000.0)


def test_a_zoom_has_no_single_camera(root: Path) -> None:
    write_cam(root / "training/camdata_left/alley_1/frame_0002.cam", [600.0, *K[1:]])
    assert open_dataset("sintel", root).sequence("alley_1").intrinsics is None


def test_images_alone_make_a_sequence(root: Path) -> None:
    (root / "training/depth").rename(root / "elsewhere")
    (root / "training/camdata_left").rename(root / "elsewhere too")
    sequence = open_dataset("sintel", root).sequence("alley_1")
    assert sequence.T_world_camera is None and sequence.depths is None


@pytest.mark.parametrize("name", ["depth/alley_1/frame_0002.dpt", "camdata_left/alley_1"])
def test_a_missing_file_is_named(root: Path, name: str) -> None:
    (root / "training" / name).rename(root / "elsewhere")
    with pytest.raises(InputError, match=f"training/{name}.*missing: expected"):
        open_dataset("sintel", root).sequence("alley_1")


def test_damaged_files_are_named(root: Path) -> None:
    sequence = open_dataset("sintel", root).sequence("alley_1")
    assert sequence.depths is not None and sequence.read_depth is not None
    whole = sequence.depths[0].read_bytes()
    for content, words in ((whole[:-1], "cut short"), (b"junk" + whole[4:], "tag"), (b"", "tag")):
        sequence.depths[0].write_bytes(content)
        with pytest.raises(InputError, match=f"frame_0001.dpt.*{words}"):
            sequence.read_depth(sequence.depths[0])
    camera = root / "training/camdata_left/alley_1/frame_0001.cam"
    camera.write_bytes(camera.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"frame_0001.cam.*has 172"):
        open_dataset("sintel", root).sequence("alley_1")

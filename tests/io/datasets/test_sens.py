"""ScanNet's packed scans, written here field by field as the format's description has them."""

from __future__ import annotations

import pickle
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.registry import open_dataset
from tests.support.poses import has_pose

SCENE = "scene0707_00"
WIDTH, HEIGHT = 40, 30  # of colour
DEPTH = np.array([[0, 1500, 65535], [250, 4000, 1]], np.uint16)  # millimetres
LOST = 2  # frame without a pose


def matrix(*rows: tuple[float, ...]) -> bytes:
    return struct.pack("<16f", *np.array(rows, float).ravel())


def frame(index: int, depth_kind: int) -> bytes:
    """A camera at (index, 2, 3), turned a quarter about z; colour (10 index, 100, 200), RGB."""
    bgr = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bgr[:] = 200, 100, 10 * index
    color = cv2.imencode(".png", bgr)[1].tobytes()
    depth = (DEPTH + np.uint16(index) * (DEPTH == 1500)).astype("<u2").tobytes()
    depth = zlib.compress(depth) if depth_kind == 1 else depth
    pose = matrix((0, -1, 0, index), (1, 0, 0, 2), (0, 0, 1, 3), (0, 0, 0, 1))
    if index == LOST:
        pose = struct.pack("<16f", *[-np.inf] * 16)
    return pose + struct.pack("<QQQQ", 0, 0, len(color), len(depth)) + color + depth


def packed(count: int = 4, depth_kind: int = 1, version: int = 4, color_kind: int = 1) -> bytes:
    name = b"StructureSensor"
    content = struct.pack("<I", version) + struct.pack("<Q", len(name)) + name
    content += matrix((40, 0, 19.5, 0), (0, 41, 14.5, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    content += np.eye(4, dtype="<f4").tobytes()
    content += matrix((3, 0, 1, 0), (0, 3, 0.5, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    content += np.eye(4, dtype="<f4").tobytes()
    content += struct.pack("<ii", color_kind, depth_kind)
    content += struct.pack("<IIII", WIDTH, HEIGHT, 3, 2) + struct.pack("<f", 1000)
    content += struct.pack("<Q", count)
    return content + b"".join(frame(i, depth_kind) for i in range(count))


def write(root: Path, content: bytes) -> Path:
    path = root / "scans" / SCENE / f"{SCENE}.sens"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(root: Path) -> BenchSequence:
    return open_dataset("scannet", root).sequence(SCENE)


@pytest.mark.parametrize("depth_kind", [0, 1])
def test_a_packed_scan_is_read_frame_by_frame(tmp_path: Path, depth_kind: int) -> None:
    write(tmp_path, packed(depth_kind=depth_kind) + b"inertial readings")
    sequence = pickle.loads(pickle.dumps(read(tmp_path)))  # as it goes to another process
    assert len(sequence) == 4 and sequence.prepared is None
    np.testing.assert_allclose(sequence.timestamps, np.arange(4) / 30)
    assert sequence.intrinsics == Intrinsics(40, 41, 19.5, 14.5, WIDTH, HEIGHT)
    assert has_pose(sequence).tolist() == [True, True, False, True]
    np.testing.assert_allclose(
        sequence.T_world_camera[3], [[0, -1, 0, 3], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    )
    for index in (3, 0):
        image = sequence.read_image(sequence.images[index])
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert image[0, 0].tolist() == [10 * index, 100, 200]
        depth = sequence.read_depth(sequence.depths[index])
        assert depth.dtype == np.float32
        np.testing.assert_allclose(depth, [[0, 1.5 + index / 1000, 0], [0.25, 4, 0.001]], rtol=1e-6)


def test_an_export_goes_before_the_packed_scan(tmp_path: Path) -> None:
    path = write(tmp_path, packed())
    (path.parent / "color").mkdir()
    with pytest.raises(InputError, match=r"color: no colour images here"):
        read(tmp_path)


@pytest.mark.parametrize("missing", [1, 60, 200])
def test_a_file_that_is_cut_short_names_itself_and_the_frame(tmp_path: Path, missing: int) -> None:
    path = write(tmp_path, packed()[:-missing])
    with pytest.raises(InputError, match=f"{path}: the file is cut short, in frame 3 of 4"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no ScanNet scan of version 4"),
        (packed(version=3), "no ScanNet scan of version 4"),
        (packed()[:200], "cut short before its first frame"),
        (packed(depth_kind=2), "depth of kind 2"),
        (packed(color_kind=0), "colour of kind 0"),
        (packed(count=0), "no images"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    write(tmp_path, content)
    with pytest.raises(InputError, match=words):
        read(tmp_path)


def test_a_damaged_depth_is_named_when_it_is_read(tmp_path: Path) -> None:
    content = bytearray(packed())
    content[-10:] = bytes(10)
    write(tmp_path, bytes(content))
    sequence = read(tmp_path)
    assert sequence.depths is not None and sequence.read_depth is not None
    with pytest.raises(InputError, match="depth/3: no readable depth"):
        sequence.read_depth(sequence.depths[3])
    assert sequence.read_depth(sequence.depths[1]).any()

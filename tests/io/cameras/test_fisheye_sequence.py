"""A depth camera with a fisheye lens is mapped right by whichever program calibrated it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample
from tests.support.room_views import Room

WIDTH, HEIGHT, FOCAL, CX, CY = 240, 180, 110.0, 119.5, 89.5
LENS = (0.08, -0.02, 0.01, -0.002)
WIDE = Intrinsics(160.0, 160.0, 319.5, 239.5, 640, 480)  # what it is made of
FRAMES = 6
NUMBERS = ", ".join(map(str, LENS))
FILES = {
    "ours.yaml": f"fx: {FOCAL}\nfy: {FOCAL}\ncx: {CX}\ncy: {CY}\nwidth: {WIDTH}\n"
    f"height: {HEIGHT}\nmodel: fisheye\ndistortion: [{NUMBERS}]\n",
    "opencv.yaml": "%YAML:1.0\n---\n"
    f"image_width: {WIDTH}\nimage_height: {HEIGHT}\nfisheye_model: 1\n"
    "camera_matrix: !!opencv-matrix\n  rows: 3\n  cols: 3\n  dt: d\n"
    f"  data: [{FOCAL}, 0., {CX}, 0., {FOCAL}, {CY}, 0., 0., 1.]\n"
    "distortion_coefficients: !!opencv-matrix\n  rows: 4\n  cols: 1\n  dt: d\n"
    f"  data: [{NUMBERS}]\n",
    "ros.yaml": f"image_width: {WIDTH}\nimage_height: {HEIGHT}\ncamera_name: eye\n"
    f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: [{FOCAL}, 0, {CX}, 0, {FOCAL}, {CY}, 0, 0, 1]\n"
    "distortion_model: equidistant\n"
    f"distortion_coefficients:\n  rows: 1\n  cols: 4\n  data: [{NUMBERS}]\n",
    "camchain.yaml": "cam0:\n  camera_model: pinhole\n"
    f"  intrinsics: [{FOCAL}, {FOCAL}, {CX}, {CY}]\n"
    f"  distortion_model: equidistant\n  distortion_coeffs: [{NUMBERS}]\n"
    f"  resolution: [{WIDTH}, {HEIGHT}]\n  rostopic: /eye\n",
    "cameras.txt": f"1 OPENCV_FISHEYE {WIDTH} {HEIGHT} {FOCAL} {FOCAL} {CX + 0.5} {CY + 0.5} "
    + " ".join(map(str, LENS)),
}


@pytest.fixture(scope="module")
def filmed(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the fisheye sees; depth in mm."""
    folder = tmp_path_factory.mktemp("fisheye")
    (folder / "rgb").mkdir()
    (folder / "depth").mkdir()
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2)
    K = np.array([[FOCAL, 0, CX], [0, FOCAL, CY], [0, 0, 1]])
    rays = cv2.fisheye.undistortPoints(pixels, K, np.array(LENS)).reshape(HEIGHT, WIDTH, 2)
    across = (rays * [WIDE.fx, WIDE.fy] + [WIDE.cx, WIDE.cy]).astype(np.float32)
    lookup = across[..., 0], across[..., 1]
    renderer = RoomRenderer(sample_room())
    for index in range(FRAMES):
        image, depth = render_sample(renderer, room.poses[2 * index], WIDE, None)
        image = cv2.remap(image, *lookup, cv2.INTER_LINEAR)
        depth = cv2.remap(depth, *lookup, cv2.INTER_NEAREST)
        assert cv2.imwrite(str(folder / f"rgb/{index}.png"), image[..., ::-1])
        assert cv2.imwrite(str(folder / f"depth/{index}.png"), (depth * 1000).astype(np.uint16))
    return folder


def pose_error(filmed: Path, room: Room, calibration: Path) -> float:
    """Metres, of the last frame seen from the first; infinite where frames are lost."""
    frontend = RgbdFrontend()
    told = [
        p for frame in open_sequence(filmed, calibration=calibration) for p in frontend.step(frame)
    ]
    if len(told) < FRAMES:
        return float("inf")
    truth = inverse(room.poses[0]) @ room.poses[2 * (FRAMES - 1)]
    mine = inverse(told[0].T_world_camera) @ told[-1].T_world_camera
    assert np.linalg.norm(truth[:3, 3]) > 0.15
    return float(np.linalg.norm(mine[:3, 3] - truth[:3, 3]))


@pytest.mark.parametrize("name", FILES)
def test_a_fisheye_is_read_of_every_program(filmed: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "ours.yaml").write_text(FILES["ours.yaml"])
    (tmp_path / name).write_text(FILES[name])
    ours = open_sequence(filmed, calibration=tmp_path / "ours.yaml")
    same = open_sequence(filmed, calibration=tmp_path / name)
    assert same.intrinsics == ours.intrinsics
    a, b = ours[2], same[2]
    assert a.depth is not None and b.depth is not None
    assert (a.image == b.image).all() and (a.depth == b.depth).all()


def test_a_fisheye_is_mapped_right(filmed: Path, room: Room, tmp_path: Path) -> None:
    """By its lens; taken for a pinhole it is not."""
    lens, none = tmp_path / "lens.yaml", tmp_path / "none.yaml"
    lens.write_text(FILES["ours.yaml"])
    none.write_text(FILES["ours.yaml"].split("model")[0])
    right, wrong = (pose_error(filmed, room, file) for file in (lens, none))
    assert right < 0.01 and wrong > 3 * right, (right, wrong)

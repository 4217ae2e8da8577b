"""The sample room as two cameras side by side see it, in the layouts of stereo recordings."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mapper.core.geometry import pose, pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample
from tests.support.room_views import ASIDE, WALK

BASELINE = 0.1  # metres
FRAMES = 12
START = 1403636579763555584  # nanoseconds
STEP = 33_333_333
INTRINSICS = sample_intrinsics(320, 240)
SIDE_BY_SIDE = pose(np.eye(3), np.array([BASELINE, 0.0, 0.0]))  # T_left_right


@lru_cache(maxsize=1)
def renderer() -> RoomRenderer:
    return RoomRenderer(sample_room())


def left_poses(count: int = FRAMES) -> np.ndarray:
    """(count, 4, 4): T_room_left, the first of the walk."""
    return sample_poses(WALK, ASIDE)[:count]


@lru_cache(maxsize=4 * FRAMES)
def seen(index: int, right: bool) -> np.ndarray:
    """uint8 (240, 320, 3), RGB, with the noise of a camera."""
    T = left_poses()[index] @ (SIDE_BY_SIDE if right else np.eye(4))
    return render_sample(renderer(), T, INTRINSICS, np.random.default_rng(2 * index + right))[0]


def write_png(path: Path, image: np.ndarray) -> None:
    """image: RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def write_sides(folder: Path, count: int = FRAMES, swapped: bool = False) -> Path:
    """left/, right/ and stereo.yaml of rectified images."""
    for index in range(count):
        for name, right in (("left", swapped), ("right", not swapped)):
            write_png(folder / name / f"{index:04d}.png", seen(index, right))
    camera = in_flow(INTRINSICS)
    text = f"left: {camera}\nright: {camera}\nbaseline: {BASELINE}\n"
    (folder / "stereo.yaml").write_text(text)
    return folder


def in_flow(k: Intrinsics) -> str:
    """A camera of ours in one line of YAML."""
    numbers = f"fx: {k.fx}, fy: {k.fy}, cx: {k.cx}, cy: {k.cy}"
    return f"{{{numbers}, width: {k.width}, height: {k.height}}}"


def write_euroc(folder: Path, count: int, T_left_right: np.ndarray) -> Path:
    """mav0/cam0, cam1 and the truth; the body is the left camera turned by a quarter."""
    mav = folder / "mav0"
    T_body_left = pose(cv2.Rodrigues(np.array([0.0, 0.0, np.pi / 2]))[0], np.array([0.1, 0.2, 0.3]))
    k = INTRINSICS
    for name, T_left_camera in (("cam0", np.eye(4)), ("cam1", T_left_right)):
        times = [START + STEP * index for index in range(count)]
        for index, time in enumerate(times):
            T = left_poses()[index] @ T_left_camera
            rng = np.random.default_rng(index + 100 * (name == "cam1"))
            write_png(mav / name / f"data/{time}.png", render_sample(renderer(), T, k, rng)[0])
        (mav / name / "data.csv").write_text("".join(f"{time},{time}.png\n" for time in times))
        data = (T_body_left @ T_left_camera).ravel().tolist()
        (mav / name / "sensor.yaml").write_text(
            f"T_BS:\n  cols: 4\n  rows: 4\n  data: {data}\nresolution: [{k.width}, {k.height}]\n"
            f"camera_model: pinhole\nintrinsics: [{k.fx}, {k.fy}, {k.cx}, {k.cy}]\n"
            "distortion_model: radial-tangential\ndistortion_coefficients: [0, 0, 0, 0]\n"
        )
    lines = []
    for index in range(count):
        T_room_body = left_poses()[index] @ np.linalg.inv(T_body_left)
        x, y, z, w = pose_to_quaternion_xyzw(T_room_body).tolist()
        row = [*T_room_body[:3, 3].tolist(), w, x, y, z]
        lines.append(",".join([str(START + STEP * index), *map(repr, row)]))
    truth = mav / "state_groundtruth_estimate0/data.csv"
    truth.parent.mkdir()
    truth.write_text("\n".join(lines))
    return folder


def write_kitti(folder: Path, count: int, baseline: float = BASELINE) -> Path:
    """image_2, image_3, calib.txt, times.txt and poses.txt of camera 2, taken for camera 0."""
    k = INTRINSICS
    for index in range(count):
        for name, right in (("image_2", False), ("image_3", True)):
            write_png(folder / name / f"{index:06d}.png", seen(index, right))
    rows = [
        f"P{number}: {k.fx} 0 {k.cx} {-k.fx * x} 0 {k.fy} {k.cy} 0 0 0 1 0\n"
        for number, x in ((0, 0.0), (2, 0.0), (3, baseline))
    ]
    (folder / "calib.txt").write_text("".join(rows))
    (folder / "times.txt").write_text("".join(f"{index / 30}\n" for index in range(count)))
    poses = [" ".join(map(repr, T[:3].ravel().tolist())) for T in left_poses(count)]
    (folder / "poses.txt").write_text("\n".join(poses))
    return folder

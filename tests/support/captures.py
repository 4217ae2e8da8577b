"""Captures of a few tiny frames, written as the apps and programs that they are named for do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import pose
from tests.support.images import image_of

WIDTH, HEIGHT = 40, 30  # of colour; depth is half as large
COUNT = 4
FX, FY, CX, CY = 40.0, 41.0, 19.5, 14.5
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def true_pose(index: int) -> np.ndarray:
    """T_world_camera (4, 4), OpenCV axes: it turns and moves, each axis otherwise."""
    return pose(
        Rotation.from_rotvec([0.1 * index, 0.2, -0.05 * index]).as_matrix(),
        np.array([0.1 * index, -0.2, 0.3]),
    )


def true_poses(count: int = COUNT) -> np.ndarray:
    """float64 (N, 4, 4)."""
    return np.array([true_pose(index) for index in range(count)])


def write_small_depth(path: Path, index: int) -> None:
    """16 bits, 1000 + 100 index millimetres, of half the size of colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = np.full((HEIGHT // 2, WIDTH // 2), 1000 + 100 * index, np.uint16)
    assert cv2.imwrite(str(path), depth)


def write_confidence(path: Path) -> None:
    """8 bits, 2 but for the left column, which is doubted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), confidence())


def confidence() -> np.ndarray:
    """uint8 (h, w) as write_confidence has it."""
    levels = np.full((HEIGHT // 2, WIDTH // 2), 2, np.uint8)
    levels[:, 0] = 0
    return levels


def quaternion_xyzw(T: np.ndarray) -> np.ndarray:
    """(4,), of a pose."""
    return Rotation.from_matrix(T[:3, :3]).as_quat()


def write_stray(folder: Path) -> Path:
    """As the app Stray Scanner does; FX, FY, CX, CY: its camera."""
    folder.mkdir()
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(folder / "rgb.mp4"), code, 30, (WIDTH, HEIGHT))
    lines = ["timestamp, frame, x, y, z, qx, qy, qz, qw"]
    for index in range(COUNT):
        writer.write(image_of(index)[..., ::-1])
        write_small_depth(folder / f"depth/{index:06d}.png", index)
        write_confidence(folder / f"confidence/{index:06d}.png")
        T = true_pose(index)
        numbers = ", ".join(map(repr, [*T[:3, 3].tolist(), *quaternion_xyzw(T).tolist()]))
        lines.append(f"{100 + index / 60}, {index:06d}, {numbers}")
    writer.release()
    (folder / "odometry.csv").write_text("\n".join(lines))
    (folder / "camera_matrix.csv").write_text(f"{FX}, 0, {CX}\n0, {FY}, {CY}\n0, 0, 1\n")
    return folder

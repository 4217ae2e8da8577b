"""Known poses in the formats that people have them in, each a small file of that format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.core.geometry import exp_se3, inverse, pose_to_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.priors.pose_files import FrameNames, read_poses
from mapper.io.trajectory_files import write_euroc, write_kitti, write_tum

COUNT = 4
TIMES = 1403636579.0 + 0.5 * np.arange(COUNT)
POSES = np.array([exp_se3(np.array([0.1 * k, -0.2, 0.3, k, 2.0, -0.5 * k])) for k in range(COUNT)])
NAMES = tuple(f"frame_{k:03d}.jpg" for k in range(COUNT))
FRAMES = FrameNames(TIMES, NAMES)
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("name", "write"),
    [("poses.txt", write_tum), ("poses.csv", write_euroc), ("06.txt", write_kitti)],
)
def test_a_pose_a_line(tmp_path: Path, name: str, write: object) -> None:
    write(tmp_path / name, Trajectory(TIMES, POSES))  # type: ignore[operator]
    found = read_poses(tmp_path / name, FRAMES)
    assert found.is_metric
    np.testing.assert_allclose(found.trajectory.timestamps, TIMES, atol=1e-6)
    np.testing.assert_allclose(found.trajectory.T_world_camera, POSES, atol=1e-9)


def test_nerfstudio(tmp_path: Path) -> None:
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": (T @ OPENGL).tolist()}
        for name, T in zip(NAMES[1:], POSES[1:], strict=True)
    ]
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames}))
    for path in (tmp_path, tmp_path / "transforms.json"):
        found = read_poses(path, FRAMES)
        assert not found.is_metric
        np.testing.assert_array_equal(found.trajectory.timestamps, TIMES[1:])
        np.testing.assert_allclose(found.trajectory.T_world_camera, POSES[1:], atol=1e-9)


def write_colmap(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True)
    (folder / "cameras.txt").write_text("1 PINHOLE 320 240 200 200 160 120\n")
    lines = []
    for number, (name, T) in enumerate(zip(names, POSES, strict=True), 1):
        T_camera_world = inverse(T)
        x, y, z, w = pose_to_quaternion_xyzw(T_camera_world)
        t = " ".join(map(str, T_camera_world[:3, 3]))
        lines.append(f"{number} {w} {x} {y} {z} {t} 1 {name}\n\n")
    (folder / "images.txt").write_text("".join(lines))


def test_colmap_whose_images_lie_elsewhere(tmp_path: Path) -> None:
    write_colmap(tmp_path / "sparse" / "0", NAMES)
    found = read_poses(tmp_path, FRAMES)
    assert not found.is_metric
    np.testing.assert_array_equal(found.trajectory.timestamps, TIMES)
    np.testing.assert_allclose(found.trajectory.T_world_camera, POSES, atol=1e-9)


def test_what_is_no_poses_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder; check --poses"):
        read_poses(tmp_path / "truht", FRAMES)
    with pytest.raises(InputError, match="neither a COLMAP model nor transforms"):
        read_poses(tmp_path, FRAMES)
    (tmp_path / "empty.txt").write_text("# time x y z\n")
    with pytest.raises(InputError, match="no poses in it"):
        read_poses(tmp_path / "empty.txt", FRAMES)
    (tmp_path / "five.txt").write_text("1 2 3 4 5\n")
    with pytest.raises(InputError, match="5 values in its first line"):
        read_poses(tmp_path / "five.txt", FRAMES)
    write_kitti(tmp_path / "two.txt", Trajectory(TIMES[:2], POSES[:2]))
    with pytest.raises(InputError, match="2 poses without times for a sequence of 4"):
        read_poses(tmp_path / "two.txt", FRAMES)
    write_colmap(tmp_path / "other" / "sparse", tuple(f"other_{k}.png" for k in range(COUNT)))
    with pytest.raises(InputError, match=r"images like other_0\.png, those of the sequence are"):
        read_poses(tmp_path / "other", FRAMES)

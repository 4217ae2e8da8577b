"""The sample sequence is reproducible, closes its loop and agrees with its own poses."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mapper.core.geometry import (
    backproject,
    inverse,
    pose_from_quaternion_xyzw,
    rotation_angle,
    transform,
)
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, OutputError
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import make_sample, render_sample, room_mesh
from mapper.rooms.sample.walls import ROOM

WIDTH, HEIGHT, FRAMES = 160, 120, 24


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noisy") / "sample"
    return make_sample(folder, FRAMES, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean") / "sample"
    return make_sample(folder, FRAMES, WIDTH, HEIGHT, clean=True)


def test_the_same_seed_gives_the_same_bytes(noisy: Path, tmp_path: Path) -> None:
    again = make_sample(tmp_path / "again", FRAMES, WIDTH, HEIGHT)
    files = sorted(path.relative_to(noisy) for path in noisy.rglob("*") if path.is_file())
    assert len(files) == 2 * FRAMES + 4
    assert all((noisy / name).read_bytes() == (again / name).read_bytes() for name in files)


def test_another_seed_changes_the_noise_only(noisy: Path, tmp_path: Path) -> None:
    other = make_sample(tmp_path / "other", FRAMES, WIDTH, HEIGHT, seed=1000)
    assert (noisy / "groundtruth.txt").read_bytes() == (other / "groundtruth.txt").read_bytes()
    assert not np.array_equal(_depth(noisy, 3), _depth(other, 3))


def test_the_loop_closes_and_moves_like_a_hand() -> None:
    poses = sample_poses(240)
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    turns = [rotation_angle(a[:3, :3].T @ b[:3, :3]) for a, b in itertools.pairwise(poses)]
    np.testing.assert_allclose(poses[0], poses[-1], atol=1e-12)
    assert 6.0 < steps.sum() < 7.0
    assert steps.max() < 0.04
    assert np.degrees(max(turns)) < 3.0


def test_the_walk_sees_all_of_the_rug() -> None:
    """What it never looked at was a hole in the middle of the demo's map."""
    renderer, intrinsics = RoomRenderer(sample_room()), sample_intrinsics(80, 60)
    seen = np.zeros((17, 24), int)  # of the rug, in squares of 10 cm
    for T in sample_poses(240)[::4]:
        view = renderer.view(T, intrinsics)
        points = transform(T, backproject(view.depth, intrinsics).reshape(-1, 3).astype(float))
        good = (points[:, 2] < 0.05) & (view.depth.ravel() < 4) & (view.slant.ravel() > 0.2)
        column, row = np.floor((points[good, :2] - (1.7, 1.65)) / 0.1).astype(int).T
        inside = (row >= 0) & (row < 17) & (column >= 0) & (column < 24)
        hit = np.zeros(seen.shape, bool)
        hit[row[inside], column[inside]] = True
        seen += hit
    assert seen.min() >= 5


def test_first_and_last_view_are_alike(clean: Path) -> None:
    assert np.array_equal(_depth(clean, 0), _depth(clean, FRAMES - 1))


def test_depth_agrees_with_the_poses(clean: Path) -> None:
    """Points of one frame, moved into the next but one, lie on the surface seen there.

    Inverse depth is linear over a plane's image, so that interpolating it is exact there.
    """
    intrinsics, poses = _intrinsics(clean), _poses(clean)
    for i, j in ((0, 2), (11, 9), (5, 6)):
        points = backproject(_depth(clean, i), intrinsics).reshape(-1, 3).astype(float)
        moved = transform(inverse(poses[j]) @ poses[i], points)
        expected, seen = _compare(moved, _depth(clean, j), intrinsics)
        visible = expected < seen + 0.03
        error = np.abs(expected - seen)[visible]
        assert visible.sum() > 4000
        assert np.median(error) < 0.0005
        assert np.percentile(error, 80) < 0.003


def test_depth_noise_grows_with_distance_and_leaves_holes(noisy: Path, clean: Path) -> None:
    true = np.stack([_depth(clean, i) for i in range(FRAMES)])
    read = np.stack([_depth(noisy, i) for i in range(FRAMES)])
    share = (read == 0).mean()
    assert 0.005 < share < 0.25
    assert (true > 0).all()
    assert not read[true > 4.51].any()
    for low, high in ((1.4, 1.8), (2.4, 2.8), (3.4, 3.8)):
        chosen = (true > low) & (true < high) & (read > 0)
        z = true[chosen]
        # The model's deviation, and that of rounding the disparity to steps of 1/8 pixel.
        sigma = np.hypot(0.0012 + 0.0019 * (z - 0.4) ** 2, z**2 / 39.375 * 0.125 / np.sqrt(12))
        assert ((read[chosen] - z) / sigma).std() == pytest.approx(1.0, abs=0.1)


def test_images_have_detail_for_features() -> None:
    """At the default size: ORB leaves out a border of 31 pixels, most of a small image."""
    renderer, intrinsics = RoomRenderer(sample_room()), sample_intrinsics(640, 480)
    for index in (0, 70, 140, 210):
        rng = np.random.default_rng(index)
        image, _ = render_sample(renderer, sample_poses(240)[index], intrinsics, rng)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        assert len(cv2.ORB.create(2000).detect(gray)) > 1200


def test_mesh_is_the_room() -> None:
    mesh = room_mesh()
    assert mesh.faces.max() == len(mesh.vertices) - 1
    np.testing.assert_allclose(mesh.vertices.min(0), -0.1, atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(0), np.array(ROOM) + 0.1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-6)
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normals[mesh.faces[:, 0]])
    assert (facing > 0).all()


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists already"):
        make_sample(tmp_path, 2, 32, 24)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "sample", 2, 32, 24, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_too_small_a_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too small"):
        make_sample(tmp_path / "sample", frames=1)


def _depth(folder: Path, index: int) -> np.ndarray:
    path = sorted((folder / "depth").iterdir())[index]
    readings = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert readings is not None
    return readings.astype(np.float32) / 5000


def _poses(folder: Path) -> np.ndarray:
    rows = np.loadtxt(folder / "groundtruth.txt")
    return pose_from_quaternion_xyzw(rows[:, 4:8], rows[:, 1:4])


def _intrinsics(folder: Path) -> Intrinsics:
    return Intrinsics(**yaml.safe_load((folder / "calibration.yaml").read_text())["color"])


def _compare(
    points: np.ndarray, depth: np.ndarray, intrinsics: Intrinsics
) -> tuple[np.ndarray, np.ndarray]:
    """Depth of points (N, 3) and of the depth image where they project, away from edges."""
    points = points[points[:, 2] > 0.1]
    u = intrinsics.fx * points[:, 0] / points[:, 2] + intrinsics.cx
    v = intrinsics.fy * points[:, 1] / points[:, 2] + intrinsics.cy
    inside = (u >= 0) & (v >= 0) & (u < depth.shape[1] - 1.01) & (v < depth.shape[0] - 1.01)
    points, u, v = points[inside], u[inside], v[inside]
    i, j = v.astype(int), u.astype(int)
    a, b = v - i, u - j
    corners = np.stack([depth[i + k, j + m] for k in (0, 1) for m in (0, 1)])
    smooth = np.ptp(corners, axis=0) < 0.05
    weights = np.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b])
    seen = 1 / (weights / corners).sum(0)
    return points[smooth, 2], seen[smooth]

"""Exports keep poses, intrinsics, images and points; COLMAP's own library reads its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.geometry import pose_from_quaternion_xyzw, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.export.colmap import export_colmap
from mapper.io.export.nerfstudio import export_nerfstudio
from mapper.io.export.scene import Scene
from mapper.io.meshes.mesh_files import read_mesh
from tests.support.exports import colmap_poses, nerfstudio_poses

COUNT = 12
INTRINSICS = Intrinsics(50.0, 52.0, 31.5, 23.0, 64, 48)
EXPORTS = [(export_colmap, colmap_poses), (export_nerfstudio, nerfstudio_poses)]


@pytest.fixture
def trajectory() -> Trajectory:
    positions = np.random.default_rng(0).normal(scale=5, size=(COUNT, 3))
    quaternions = Rotation.random(COUNT, rng=1).as_quat()
    return Trajectory(0.1 * np.arange(COUNT), pose_from_quaternion_xyzw(quaternions, positions))


@pytest.fixture
def cloud() -> Mesh:
    rng = np.random.default_rng(2)
    return Mesh(
        rng.normal(size=(100, 3)).astype(np.float32),
        np.array([[0, 1, 2]], np.int32),
        rng.integers(0, 256, (100, 3), dtype=np.uint8),
        np.tile(np.array([0, 0, 1], np.float32), (100, 1)),
    )


def _image(index: int) -> np.ndarray:
    image = np.zeros((INTRINSICS.height, INTRINSICS.width, 3), np.uint8)
    image[:] = (20 * index, 100, 255 - 20 * index)
    return image


@pytest.mark.parametrize(("export", "read_poses"), EXPORTS)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_poses_and_images_come_back(
    export: Callable,
    read_poses: Callable,
    suffix: str,
    trajectory: Trajectory,
    cloud: Mesh,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "export"
    images = (_image(index) for index in range(COUNT))
    scene = Scene(trajectory, images, INTRINSICS, cloud)
    assert export(folder, scene, image_suffix=suffix) == folder
    np.testing.assert_allclose(read_poses(folder), trajectory.T_world_camera, atol=1e-9)
    paths = sorted((folder / "images").iterdir())
    assert len(paths) == COUNT
    for index, path in enumerate(paths):
        bgr = cv2.imread(str(path))
        assert bgr is not None
        image = bgr[..., ::-1]
        np.testing.assert_allclose(image.astype(int), _image(index), atol=3)  # JPEG rounds


def test_pycolmap_reads_the_model(trajectory: Trajectory, cloud: Mesh, tmp_path: Path) -> None:
    """A point seen at a pixel with us is seen half a pixel to the right and below in COLMAP."""
    pycolmap = pytest.importorskip("pycolmap")
    images = (_image(index) for index in range(COUNT))
    export_colmap(tmp_path / "export", Scene(trajectory, images, INTRINSICS, cloud))
    model = pycolmap.Reconstruction(str(tmp_path / "export" / "sparse" / "0"))
    assert model.num_reg_images() == COUNT
    camera = next(iter(model.cameras.values()))
    assert camera.model.name == "PINHOLE"
    assert (camera.width, camera.height) == (64, 48)
    np.testing.assert_allclose(camera.params, [50, 52, 32, 23.5])
    seen = np.array([0.3, -0.2, 2.0])
    pixel = (INTRINSICS.matrix @ seen)[:2] / seen[2]
    for image in model.images.values():
        index = int(image.name[6:12])
        T = np.eye(4)
        T[:3] = image.cam_from_world().inverse().matrix()
        np.testing.assert_allclose(T, trajectory.T_world_camera[index], atol=1e-9)
        point = transform(trajectory.T_world_camera[index], seen)
        np.testing.assert_allclose(image.project_point(point), pixel + 0.5, atol=1e-6)
    points = [model.points3D[key] for key in sorted(model.points3D)]
    np.testing.assert_array_equal([point.xyz for point in points], cloud.vertices)
    np.testing.assert_array_equal([point.color for point in points], cloud.colors)
    assert all(point.track.length() == 0 for point in points)


def test_nerfstudio_axes_and_intrinsics(
    trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    """OpenGL cameras look along -z and have y up."""
    folder = tmp_path / "export"
    images = (_image(index) for index in range(COUNT))
    export_nerfstudio(folder, Scene(trajectory, images, INTRINSICS, cloud))
    document = json.loads((folder / "transforms.json").read_text())
    expected = {"fl_x": 50, "fl_y": 52, "cx": 32, "cy": 23.5, "w": 64, "h": 48}
    for index, frame in enumerate(document["frames"]):
        assert {name: frame[name] for name in expected} == expected
        assert (folder / frame["file_path"]).is_file()
        T, ours = np.array(frame["transform_matrix"]), trajectory.T_world_camera[index]
        np.testing.assert_allclose(T[:3, 2], -ours[:3, 2])
        np.testing.assert_allclose(T[:3, 1], -ours[:3, 1])
        np.testing.assert_allclose(T[:3, [0, 3]], ours[:3, [0, 3]])
    points = read_mesh(folder / document["ply_file_path"])
    np.testing.assert_array_equal(points.vertices, cloud.vertices)
    assert len(points.faces) == 0


@pytest.mark.parametrize(("export", "_"), EXPORTS)
def test_images_are_loaded_one_at_a_time(
    export: Callable, _: Callable, trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    """Each is on disk before the next is asked for."""

    def images() -> Iterator[Callable[[], np.ndarray]]:
        for index in range(COUNT):
            yield partial(_image, index)
            assert len(list(tmp_path.glob(".export*/images/*"))) == index + 1

    export(tmp_path / "export", Scene(trajectory, images(), INTRINSICS, cloud))


@pytest.mark.parametrize(("export", "_"), EXPORTS)
def test_what_does_not_fit_leaves_no_folder(
    export: Callable, _: Callable, trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    all_images = [_image(index) for index in range(COUNT + 1)]
    small = [image[::2] for image in all_images[:COUNT]]
    none = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    for given, images, message in (
        (trajectory, all_images[:-2], "only 11 images"),
        (trajectory, all_images, "more images"),
        (trajectory, small, "resize"),
        (none, [], "no keyframes"),
    ):
        with pytest.raises(InputError, match=message):
            export(tmp_path / "export", Scene(given, images, INTRINSICS, cloud))
    scene = Scene(trajectory, all_images, INTRINSICS, cloud)
    with pytest.raises(ConfigError, match=r"\.jpg, \.png"):
        export(tmp_path / "export", scene, image_suffix=".gif")
    assert list(tmp_path.iterdir()) == []

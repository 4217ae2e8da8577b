"""Exports keep poses, intrinsics, images and points; COLMAP's own library reads its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
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
from mapper.errors import InputError
from mapper.io.export.colmap import export_colmap
from mapper.io.export.nerfstudio import export_nerfstudio
from mapper.io.export.scene import ExportedImage, Scene, TrackedPoints
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


def _images(trajectory: Trajectory, name: str = "frame_{:06d}.jpg") -> list[ExportedImage]:
    return [
        ExportedImage(name.format(index), T, INTRINSICS, partial(_image, index))
        for index, T in enumerate(trajectory.T_world_camera)
    ]


@pytest.mark.parametrize(("export", "read_poses"), EXPORTS)
@pytest.mark.parametrize("name", ["frame_{:06d}.jpg", "left/frame_{:06d}.png"])
def test_poses_and_images_come_back(
    export: Callable,
    read_poses: Callable,
    name: str,
    trajectory: Trajectory,
    cloud: Mesh,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "export"
    assert export(folder, Scene(_images(trajectory, name), cloud)) == folder
    np.testing.assert_allclose(read_poses(folder), trajectory.T_world_camera, atol=1e-9)
    for index in range(COUNT):
        bgr = cv2.imread(str(folder / "images" / name.format(index)))
        assert bgr is not None
        image = bgr[..., ::-1]
        np.testing.assert_allclose(image.astype(int), _image(index), atol=3)  # JPEG rounds
    assert export(folder, Scene(_images(trajectory, name), cloud), overwrite=True) == folder


def test_pycolmap_reads_the_model(trajectory: Trajectory, cloud: Mesh, tmp_path: Path) -> None:
    """A point seen at a pixel with us is seen half a pixel to the right and below in COLMAP."""
    pycolmap = pytest.importorskip("pycolmap")
    export_colmap(tmp_path / "export", Scene(_images(trajectory), cloud))
    model = pycolmap.Reconstruction(str(tmp_path / "export" / "sparse" / "0"))
    assert model.num_reg_images() == COUNT
    (camera,) = model.cameras.values()
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


def test_portrait_images_and_their_own_cameras(
    trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    """One camera for each different one, whose images keep their shape and their order."""
    pycolmap = pytest.importorskip("pycolmap")
    upright = Intrinsics(40.0, 41.0, 23.5, 31.0, 48, 64)
    images = _images(trajectory)
    images[5] = replace(images[5], intrinsics=upright, load=lambda: np.zeros((64, 48, 3), np.uint8))
    scene = Scene(images, cloud)
    export_colmap(tmp_path / "colmap", scene)
    model = pycolmap.Reconstruction(str(tmp_path / "colmap" / "sparse" / "0"))
    assert len(model.cameras) == 2
    assert [model.images[k].name for k in sorted(model.images)] == [i.name for i in images]
    camera = model.cameras[model.images[6].camera_id]
    assert (camera.width, camera.height) == (48, 64)
    np.testing.assert_allclose(camera.params, [40, 41, 24, 31.5])
    bgr = cv2.imread(str(tmp_path / "colmap" / "images" / images[5].name))
    assert bgr is not None and bgr.shape == (64, 48, 3)
    export_nerfstudio(tmp_path / "nerf", scene)
    document = json.loads((tmp_path / "nerf" / "transforms.json").read_text())
    assert "fl_x" not in document  # there is no camera of all
    assert [frame["w"] for frame in document["frames"]] == [64] * 5 + [48] + [64] * 6


def test_tracks_come_back(trajectory: Trajectory, cloud: Mesh, tmp_path: Path) -> None:
    """pycolmap finds each observation in its image, and the point from there."""
    pycolmap = pytest.importorskip("pycolmap")
    rng = np.random.default_rng(5)
    point = np.array([0, 0, 1, 2, 2, 2])
    image = np.array([3, 1, 1, 4, 3, 0])
    tracked = TrackedPoints(
        rng.normal(size=(3, 3)),
        rng.integers(0, 256, (3, 3), dtype=np.uint8),
        np.array([0.5, 0.25, 1.5]),
        image,
        point,
        rng.uniform(0, 40, (6, 2)),
    )
    export_colmap(tmp_path / "export", Scene(_images(trajectory), cloud, tracked))
    model = pycolmap.Reconstruction(str(tmp_path / "export" / "sparse" / "0"))
    assert sorted(model.points3D) == [1, 2, 3]
    for number in range(3):
        found = model.points3D[number + 1]
        np.testing.assert_array_equal(found.xyz, tracked.xyz[number])
        np.testing.assert_array_equal(found.color, tracked.rgb[number])
        assert found.error == tracked.errors[number]
        rows = np.flatnonzero(point == number)
        assert [e.image_id - 1 for e in found.track.elements] == image[rows].tolist()
        for row, element in zip(rows, found.track.elements, strict=True):
            seen = model.images[element.image_id].points2D[element.point2D_idx]
            assert seen.point3D_id == number + 1
            np.testing.assert_allclose(seen.xy, tracked.xy[row] + 0.5)


def test_depth_and_masks(trajectory: Trajectory, cloud: Mesh, tmp_path: Path) -> None:
    """Only of the images that have them; pycolmap and nerfstudio's steps give the depth back."""
    pycolmap = pytest.importorskip("pycolmap")
    depth = np.linspace(0, 80, 64 * 48, dtype=np.float32).reshape(48, 64)
    mask = depth > 30
    images = _images(trajectory)
    images[2] = replace(images[2], depth=lambda: depth, mask=lambda: mask)
    scene, name = Scene(images, cloud), images[2].name
    export_colmap(tmp_path / "colmap", scene)
    maps = list((tmp_path / "colmap" / "stereo" / "depth_maps").iterdir())
    assert [path.name for path in maps] == [f"{name}.geometric.bin"]
    read = pycolmap.DepthMap()
    read.read(str(maps[0]))
    np.testing.assert_array_equal(read.to_array(), depth)
    export_nerfstudio(tmp_path / "nerf", scene)
    document = json.loads((tmp_path / "nerf" / "transforms.json").read_text())
    frame = document["frames"][2]
    assert [f for f in document["frames"] if "depth_file_path" in f or "mask_path" in f] == [frame]
    steps = cv2.imread(str(tmp_path / "nerf" / frame["depth_file_path"]), cv2.IMREAD_UNCHANGED)
    assert steps is not None and steps.dtype == np.uint16
    expected = np.where(depth < 65.5355, depth, 0)  # farther than 16 bits reach
    found = steps * document["depth_unit_scale_factor"]
    np.testing.assert_allclose(found, expected, atol=0.00051)
    for path in (tmp_path / "nerf" / frame["mask_path"], tmp_path / "colmap/masks" / f"{name}.png"):
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), mask * 255)


def test_nerfstudio_axes_and_intrinsics(
    trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    """OpenGL cameras look along -z and have y up."""
    folder = tmp_path / "export"
    export_nerfstudio(folder, Scene(_images(trajectory), cloud))
    document = json.loads((folder / "transforms.json").read_text())
    expected = {"fl_x": 50, "fl_y": 52, "cx": 32, "cy": 23.5, "w": 64, "h": 48}
    assert {name: document[name] for name in expected} == expected
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

    def load(index: int) -> np.ndarray:
        assert len(list(tmp_path.glob(".export*/images/*"))) == index
        return _image(index)

    images = [replace(x, load=partial(load, i)) for i, x in enumerate(_images(trajectory))]
    export(tmp_path / "export", Scene(images, cloud))


@pytest.mark.parametrize(("export", "_"), EXPORTS)
def test_what_does_not_fit_leaves_no_folder(
    export: Callable, _: Callable, trajectory: Trajectory, cloud: Mesh, tmp_path: Path
) -> None:
    images = _images(trajectory)
    small = replace(images[7], load=lambda: _image(7)[::2])
    shallow = replace(images[7], depth=lambda: np.zeros((3, 4), np.float32))
    for given, message in (
        ([*images[:7], small], "000007.jpg: its image is 64x24"),
        ([*images[:7], shallow], "000007.jpg: its depth is 4x3"),
        ([], "no images with a pose"),
        ([images[0], images[0]], "same name"),
        ([replace(images[0], name="a.gif")], r"\.jpg or \.png"),
        ([replace(images[0], name="../a.jpg")], "inside"),
    ):
        with pytest.raises(InputError, match=message):
            export(tmp_path / "export", Scene(given, cloud))
    assert list(tmp_path.iterdir()) == []

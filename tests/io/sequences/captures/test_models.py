"""COLMAP's models, text and binary, and transforms.json: cameras, poses, what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.io.sequences.captures.colmap import read_depth_map
from mapper.io.sequences.open_sequence import open_sequence, sequence_name
from tests.support.captures import (
    COUNT,
    HEIGHT,
    OPENGL,
    WIDTH,
    quaternion_xyzw,
    true_pose,
    true_poses,
    write_small_depth,
)
from tests.support.images import write_depth, write_image

RADIAL = f"1 SIMPLE_RADIAL {WIDTH} {HEIGHT} 40 20 15 0.1"
PINHOLE = f"2 PINHOLE {WIDTH} {HEIGHT} 40 41 20 15"


def write_colmap(folder: Path, cameras: str = PINHOLE, camera_id: int = 2) -> Path:
    """Images in an order that is not that of their names, with lines of points between them."""
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME"]
    for index in reversed(range(COUNT)):
        write_image(folder / f"images/left/view_{index}.png", index)
        T = inverse(true_pose(index))
        x, y, z, w = quaternion_xyzw(T).tolist()
        numbers = " ".join(map(repr, [w, x, y, z, *T[:3, 3].tolist()]))
        lines += [f"{index + 1} {numbers} {camera_id} left/view_{index}.png", "1.5 2.5 -1"]
    model = folder / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.txt").write_text(f"# cameras\n{cameras}\n")
    (model / "images.txt").write_text("\n".join(lines))
    (model / "points3D.txt").write_text("")
    return folder


def write_nerfstudio(folder: Path, frame_keys: dict | None = None, **keys: object) -> Path:
    frames = []
    for index in reversed(range(COUNT)):
        write_image(folder / f"images/{index}.png", index)
        write_small_depth(folder / f"depths/{index}.png", index)
        matrix = (true_pose(index) @ OPENGL).tolist()
        names = {"file_path": f"images/{index}.png", "depth_file_path": f"depths/{index}.png"}
        frames.append({**names, "transform_matrix": matrix, **(frame_keys or {})})
    camera = {"fl_x": 40, "fl_y": 41, "cx": 20, "cy": 15, "w": WIDTH, "h": HEIGHT}
    document = {"camera_model": "OPENCV", **camera, **keys, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(document))
    return folder


def test_a_text_model_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    path = write_colmap(tmp_path / "desk")
    sequence = open_sequence(path, poses="truth")
    assert (sequence.kind, sequence.name, len(sequence)) == ("colmap", "desk", COUNT)
    assert sequence_name(path / "sparse/0") == "desk"
    assert sequence.intrinsics is not None
    assert (sequence.intrinsics.cx, sequence.intrinsics.fy) == (19.5, 41)  # of pixel centres
    assert sequence[2].image[4, 7].tolist() == [20, 7, 4]
    assert sequence.ground_truth is not None
    np.testing.assert_allclose(sequence.ground_truth.T_world_camera, true_poses(), atol=1e-9)


def test_a_binary_model_is_what_colmaps_own_library_wrote(tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    path = write_colmap(tmp_path / "desk", RADIAL, 1)
    text = open_sequence(path, poses="truth")
    model = pycolmap.Reconstruction(str(path / "sparse/0"))
    for file in (path / "sparse/0").iterdir():
        file.unlink()
    model.write_binary(str(path / "sparse/0"))
    sequence = open_sequence(path / "sparse" / "0", poses="truth")
    assert sequence.name == "desk" and sequence.intrinsics == text.intrinsics
    assert sequence.ground_truth is not None and text.ground_truth is not None
    np.testing.assert_allclose(
        sequence.ground_truth.T_world_camera, text.ground_truth.T_world_camera, atol=1e-9
    )
    np.testing.assert_array_equal(sequence[1].image, text[1].image)  # undistorted alike


def test_images_that_are_elsewhere_are_told(tmp_path: Path) -> None:
    path = write_colmap(tmp_path / "desk")
    (path / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"its images, like left/view_3.png, are not in"):
        open_sequence(path)


def test_a_missing_image_and_a_camera_of_another_size_are_left_out(tmp_path: Path) -> None:
    other = f"1 PINHOLE {2 * WIDTH} {2 * HEIGHT} 80 82 40 30"
    path = write_colmap(tmp_path / "desk", f"{PINHOLE}\n{other}")
    images = path / "sparse/0/images.txt"
    images.write_text(images.read_text().replace("2 left/view_0.png", "1 left/view_0.png"))
    (path / "images/left/view_1.png").unlink()
    sequence = open_sequence(path)
    assert len(sequence) == 2 and sequence[0].image[0, 0, 0] == 20
    assert any("view_1.png is missing, 1 of 4" in note for note in sequence.notes)
    assert any("1 images are of cameras of another size" in note for note in sequence.notes)


def test_depth_maps_of_a_dense_model_come_along(tmp_path: Path) -> None:
    path = write_colmap(tmp_path / "desk")
    for index in range(COUNT):
        stored = np.full((HEIGHT, WIDTH), 1 + index, "<f4")
        stored[3, 5] = -1
        file = path / f"stereo/depth_maps/left/view_{index}.png.geometric.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"{WIDTH}&{HEIGHT}&1&".encode() + stored.tobytes())
    depth = open_sequence(path)[2].depth
    assert depth is not None and depth[3, 5] == 0 and depth[3, 6] == 3
    file.write_bytes(b"40&30&1&short")
    with pytest.raises(InputError, match="no depth map of COLMAP"):
        read_depth_map(file)


def test_transforms_json_is_read_with_depth_and_poses(tmp_path: Path) -> None:
    sequence = open_sequence(write_nerfstudio(tmp_path / "room"), poses="truth")
    assert (sequence.kind, sequence.name, len(sequence)) == ("nerfstudio", "room", COUNT)
    assert sequence.intrinsics is not None and sequence.intrinsics.cy == 14.5
    frame = sequence[3]
    assert frame.image[4, 7].tolist() == [30, 7, 4] and frame.depth is not None
    np.testing.assert_allclose(frame.depth, 1.3, rtol=1e-6)
    assert sequence.ground_truth is not None
    np.testing.assert_allclose(sequence.ground_truth.T_world_camera, true_poses(), atol=1e-9)


def test_the_unit_of_depth_is_read(tmp_path: Path) -> None:
    path = write_nerfstudio(tmp_path / "room", depth_unit_scale_factor=0.0002)
    depth = open_sequence(path)[0].depth
    assert depth is not None
    np.testing.assert_allclose(depth, 0.2, rtol=1e-6)


def test_a_frames_own_camera_goes_before_the_shared_one(tmp_path: Path) -> None:
    path = write_nerfstudio(tmp_path / "room", {"fl_x": 44, "k1": -0.1})
    sequence = open_sequence(path)
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 44
    assert sequence[0].image[0, 0].tolist() != [0, 0, 0]  # the corner is drawn inwards
    straight = open_sequence(write_nerfstudio(tmp_path / "straight"))
    assert straight[0].image[0, 0].tolist() == [0, 0, 0]


def test_a_fisheye_is_undistorted_by_its_own_model(tmp_path: Path) -> None:
    """At 0 of all coefficients a pixel lies at f times the angle: within the pinhole's place."""
    path = write_nerfstudio(tmp_path / "room", camera_model="OPENCV_FISHEYE", fl_y=40)
    image = open_sequence(path)[0].image
    column = 39
    angle = np.arctan((column - 19.5) / 40)
    assert image[15, column, 1] == pytest.approx(19.5 + 40 * angle, abs=1)


def test_missing_images_are_named(tmp_path: Path) -> None:
    path = write_nerfstudio(tmp_path / "room")
    (path / "images/2.png").unlink()
    sequence = open_sequence(path)
    told = "1 of 4 images are missing, the first is images/2.png: left out"
    assert len(sequence) == 3 and any(told in note for note in sequence.notes)
    for image in (path / "images").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"none of its 4 images is there, the first is images/3"):
        open_sequence(path)


def test_poses_that_are_no_rotations_are_told_and_do_not_stop_the_map(tmp_path: Path) -> None:
    matrix = np.diag([2.0, 1, 1, 1]).tolist()
    path = write_nerfstudio(tmp_path / "room", {"transform_matrix": matrix})
    sequence = open_sequence(path)
    assert sequence.ground_truth is None
    assert any("transforms.json: the rotation of pose 0 is none" in n for n in sequence.notes)


def test_depth_of_another_view_is_refused_by_its_file(tmp_path: Path) -> None:
    path = write_nerfstudio(tmp_path / "room")
    write_depth(path / "depths/1.png", 1000, WIDTH, WIDTH)
    sequence = open_sequence(path)
    with pytest.raises(InputError, match=r"1.png: depth of 40x40 for an image of 40x30"):
        sequence[1]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"fl_x": "wide"}, "fl_x is 'wide'; must be a finite number"),
        ({"camera_model": "EQUIRECTANGULAR"}, "camera_model 'EQUIRECTANGULAR' is not read"),
        ({"depth_unit_scale_factor": -1}, "depth_unit_scale_factor is -1.0"),
    ],
)
def test_a_key_that_means_nothing_is_named(keys: dict, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        open_sequence(write_nerfstudio(tmp_path / "room", **keys))


@pytest.mark.parametrize("cut", [4, 12, 60, 100, -3])
def test_a_binary_model_that_is_cut_short_is_told(cut: int, tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    path = write_colmap(tmp_path / "desk")
    pycolmap.Reconstruction(str(path / "sparse/0")).write_binary(str(path / "sparse/0"))
    file = path / "sparse/0/images.bin"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"images.bin: the file is cut short"):
        open_sequence(path)

"""Stray Scanner, Record3D, Polycam and ARKitScenes: smaller depth, confidences, ARKit's poses."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.open_sequence import open_sequence, sequence_name
from mapper.io.sequences.sequence import Sequence
from tests.support.captures import (
    COUNT,
    CX,
    CY,
    FX,
    FY,
    HEIGHT,
    OPENGL,
    WIDTH,
    confidence,
    quaternion_xyzw,
    true_pose,
    true_poses,
    write_confidence,
    write_small_depth,
    write_stray,
)
from tests.support.images import image_of, write_image


def record3d_metadata() -> dict:
    poses = true_poses() @ OPENGL
    return {
        "w": WIDTH,
        "h": HEIGHT,
        "dw": WIDTH // 2,
        "dh": HEIGHT // 2,
        "K": [FX, 0, 0, 0, FY, 0, CX, CY, 1],
        "fps": 60,
        "poses": [[*quaternion_xyzw(T), *T[:3, 3]] for T in poses],
    }


def write_record3d(folder: Path) -> Path:
    """EXR depth is written as the reader of images is tested with it: here as TIFF by content."""
    for index in range(COUNT):
        write_image(folder / f"rgb/{index}.jpg", index)
        depth = np.full((HEIGHT // 2, WIDTH // 2), 1 + 0.1 * index, np.float32)
        (folder / "depth").mkdir(exist_ok=True)
        encoded = cv2.imencode(".tiff", depth)[1]
        (folder / f"depth/{index}.exr").write_bytes(encoded.tobytes())
    (folder / "metadata.json").write_text(json.dumps(record3d_metadata()))
    return folder


def write_r3d(path: Path) -> Path:
    lzfse = pytest.importorskip("lzfse")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata", json.dumps(record3d_metadata()))
        for index in range(COUNT):
            image = cv2.imencode(".jpg", image_of(index)[..., ::-1])[1].tobytes()
            depth = np.full((HEIGHT // 2, WIDTH // 2), 1 + 0.1 * index, "<f4")
            archive.writestr(f"rgbd/{index}.jpg", image)
            archive.writestr(f"rgbd/{index}.depth", lzfse.compress(depth.tobytes()))
            archive.writestr(f"rgbd/{index}.conf", lzfse.compress(confidence().tobytes()))
    return path


def write_polycam(folder: Path) -> Path:
    keyframes = folder / "keyframes"
    for index in range(COUNT):
        name = f"{1000 + 7 * index}"
        write_image(keyframes / f"corrected_images/{name}.jpg", index)
        write_small_depth(keyframes / f"depth/{name}.png", index)
        write_confidence(keyframes / f"confidence/{name}.png")
        camera = {"fx": FX + index, "fy": FY, "cx": CX, "cy": CY, "width": WIDTH, "height": HEIGHT}
        T = true_pose(index) @ OPENGL
        camera |= {f"t_{row}{column}": T[row, column] for row in range(3) for column in range(4)}
        (keyframes / "corrected_cameras").mkdir(exist_ok=True)
        (keyframes / f"corrected_cameras/{name}.json").write_text(json.dumps(camera))
    (keyframes / "images").mkdir()
    return folder


def write_arkitscenes(folder: Path) -> Path:
    frames = folder / f"{folder.name}_frames"
    lines = []
    for index in range(COUNT):
        time = 305.377 + 0.1 * index
        name = f"{folder.name}_{time:.3f}"
        write_image(frames / f"lowres_wide/{name}.png", index)
        write_small_depth(frames / f"lowres_depth/{name}.png", index)
        write_confidence(frames / f"confidence/{name}.png")
        (frames / "lowres_wide_intrinsics").mkdir(exist_ok=True)
        pincam = frames / f"lowres_wide_intrinsics/{folder.name}_{time - 0.001:.3f}.pincam"
        pincam.write_text(f"{WIDTH} {HEIGHT} {FX} {FY} {CX} {CY}")
        T = inverse(true_pose(index))
        rotation = cv2.Rodrigues(T[:3, :3])[0].ravel()
        lines.append(" ".join(map(repr, [time + 0.002, *rotation.tolist(), *T[:3, 3].tolist()])))
    (frames / "lowres_wide.traj").write_text("\n".join(lines[::-1]))
    return folder


CAPTURES = {
    "stray-scanner": lambda path: write_stray(path / "scan"),
    "record3d": lambda path: write_record3d(path / "scan"),
    "polycam": lambda path: write_polycam(path / "scan"),
    "arkitscenes": lambda path: write_arkitscenes(path / "scan"),
}


def check(sequence: Sequence, kind: str) -> None:
    """Kind, depth at colour's size, ARKit's poses with OpenCV's axes."""
    assert (sequence.kind, len(sequence), sequence.camera_kind) == (kind, COUNT, "lidar")
    frame = sequence[2]
    assert frame.depth is not None and frame.intrinsics == sequence.intrinsics
    np.testing.assert_allclose(frame.depth[:, 6:-2], 1.2, rtol=1e-6)
    assert abs(int(frame.image[5, 20, 0]) - 20) < 12  # JPEG and video lose some
    truth = sequence.ground_truth
    assert truth is not None
    np.testing.assert_allclose(truth.T_world_camera, true_poses(), atol=1e-6)
    np.testing.assert_array_equal(truth.timestamps, sequence.timestamps)


@pytest.mark.parametrize("kind", CAPTURES)
def test_a_phones_scan_is_read(kind: str, tmp_path: Path) -> None:
    path = CAPTURES[kind](tmp_path)
    assert sequence_name(path) == "scan"
    check(open_sequence(path, poses="truth"), kind)


@pytest.mark.parametrize("kind", ["stray-scanner", "polycam", "arkitscenes"])
def test_depth_that_the_phone_doubts_is_no_reading(kind: str, tmp_path: Path) -> None:
    depth = open_sequence(CAPTURES[kind](tmp_path))[1].depth
    assert depth is not None
    assert not depth[:, :1].any() and depth[:, 6:-2].all()


def test_a_recording_of_record3d_is_read_from_its_archive(tmp_path: Path) -> None:
    sequence = open_sequence(write_r3d(tmp_path / "walk.r3d"), poses="truth")
    check(sequence, "record3d")
    depth = sequence[0].depth
    assert depth is not None and not depth[:, 0].any() and sequence.name == "walk"
    np.testing.assert_allclose(sequence.timestamps, np.arange(COUNT) / 60)
    sequence.close()


def test_arkits_own_poses_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    sequence = open_sequence(CAPTURES["stray-scanner"](tmp_path))
    assert sequence.ground_truth is None
    assert any("ARKit's own estimate" in note for note in sequence.notes)


def test_images_are_worked_on_at_a_size_that_depth_is_worth(tmp_path: Path) -> None:
    path = CAPTURES["record3d"](tmp_path)
    for index in range(COUNT):
        write_image(path / f"rgb/{index}.jpg", index, 32 * WIDTH, 32 * HEIGHT)
    sequence = BoundedSequence(open_sequence(path), 0)
    frame = sequence[1]
    assert sequence.size == (640, 480) and sequence.original == (32 * WIDTH, 32 * HEIGHT)
    assert frame.image.shape == (480, 640, 3) and frame.intrinsics is not None
    assert frame.intrinsics.fx == pytest.approx(16 * FX)
    assert frame.depth is not None
    np.testing.assert_allclose(frame.depth, 1.1, rtol=1e-6)


def test_cameras_that_change_are_brought_to_one(tmp_path: Path) -> None:
    sequence = open_sequence(CAPTURES["polycam"](tmp_path))
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == FX + 1.5
    # Green tells the column: what the first camera saw at (u - cx) / FX stands now further out.
    column, first = 33, sequence[0].image
    expected = (column - CX) / (FX + 1.5) * FX + CX
    assert abs(int(first[15, column, 1]) - expected) < 2.5  # JPEG
    assert any("changes from frame to frame" in note for note in sequence.notes)


def test_a_mask_goes_the_way_of_its_image(tmp_path: Path) -> None:
    path = CAPTURES["polycam"](tmp_path)
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:, :10] = 0
    (tmp_path / "masks").mkdir()
    assert cv2.imwrite(str(tmp_path / "masks/1000.png"), mask)
    frame = open_sequence(path, mask_dir=tmp_path / "masks")[0]
    assert frame.mask is not None and frame.depth is not None
    edge = (9.5 - CX) / FX * (FX + 1.5) + CX  # where the common camera sees the mask's edge
    used = np.flatnonzero(frame.mask[15])
    assert 0 <= used[0] - edge < 1.6  # a pixel that is made of a masked one in part is masked
    assert not frame.depth[:, : used[0]].any()


def test_frames_without_depth_are_left_out_and_counted(tmp_path: Path) -> None:
    path = CAPTURES["stray-scanner"](tmp_path)
    (path / "depth/000001.png").unlink()
    sequence = open_sequence(path, poses="truth")
    assert len(sequence) == COUNT - 1 and sequence.ground_truth is not None
    np.testing.assert_allclose(sequence.ground_truth.T_world_camera[1], true_pose(2), atol=1e-6)
    assert any(note.startswith("1 frames of odometry.csv") for note in sequence.notes)


def damage_odometry(path: Path) -> Path:
    (path / "odometry.csv").write_text("timestamp, frame\n1, 2\n")
    return path


def damage_polycam(path: Path) -> Path:
    (path / "keyframes/corrected_cameras/1007.json").write_text("{}")
    return path


def damage_record3d(path: Path) -> Path:
    (path / "metadata.json").write_text('{"w": 40}')
    return path


def damage_times(path: Path) -> Path:
    content = json.loads((path / "metadata.json").read_text())
    (path / "metadata.json").write_text(json.dumps({**content, "fps": "many"}))
    return path


def damage_pincam(path: Path) -> Path:
    for file in path.glob("*/lowres_wide_intrinsics/*"):
        file.write_text("40 30")
    return path


@pytest.mark.parametrize(
    ("kind", "damage", "told"),
    [
        ("stray-scanner", damage_odometry, "odometry.csv: expected timestamp, frame, x"),
        ("polycam", damage_polycam, "1007.json: expected fx"),
        ("record3d", damage_record3d, "metadata.json: expected w, h and nine"),
        ("record3d", damage_times, "metadata.json: fps or frameTimestamps are no numbers"),
        ("arkitscenes", damage_pincam, "pincam: expected width"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(
    kind: str, damage: Callable[[Path], Path], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told) as raised:
        open_sequence(damage(CAPTURES[kind](tmp_path)))
    assert "\n" not in str(raised.value)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.r3d"
    path.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"walk.r3d: no readable archive"):
        open_sequence(path)

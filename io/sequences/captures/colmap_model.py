"""COLMAP's sparse models, text or binary: cameras and the poses of images.

Format: COLMAP's documentation, "Output Format", and its src/colmap/scene/reconstruction_io. Of the
binary files: little-endian, counts as uint64; a camera is uint32 id, int32 model, uint64 width and
height, float64 parameters; an image is uint32 id, float64 quaternion wxyz and translation, uint32
camera, a name that ends in 0, uint64 number of its points, which take 24 bytes each. Poses are
T_camera_world. Points are not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.geometry import inverse, pose_from_quaternion_xyzw
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration_formats import COLMAP_MODELS, colmap_camera
from mapper.io.cameras.camera import Camera
from mapper.io.sequences.decode import read_bytes
from mapper.io.text_files import read_text

_CAMERA: Final = struct.Struct("<Ii2Q")
_IMAGE: Final = struct.Struct("<I7dI")
_COUNT: Final = struct.Struct("<Q")
_POINT_BYTES: Final = 24  # of an image's points: two float64 and an int64
_AGAIN: Final = "write the model again by COLMAP"


@dataclass(frozen=True, slots=True, eq=False)
class ColmapModel:
    """M images in the order of the file. T_world_camera: float64 (M, 4, 4).

    cameras: by their ids. camera_ids: (M,) of the images.
    """

    names: tuple[str, ...]
    T_world_camera: np.ndarray
    camera_ids: tuple[int, ...]
    cameras: dict[int, Camera]


def model_folder(path: Path) -> Path | None:
    """Where a model lies: in sparse/0, in sparse or in the folder itself; None without one."""
    for folder in (path / "sparse" / "0", path / "sparse", path):
        for ending in (".bin", ".txt"):
            if all((folder / f"{name}{ending}").is_file() for name in ("cameras", "images")):
                return folder
    return None


def read_model(folder: Path) -> ColmapModel:
    """Of cameras.bin and images.bin, else of cameras.txt and images.txt. Raises InputError."""
    if (folder / "cameras.bin").is_file() and (folder / "images.bin").is_file():
        cameras = _binary_cameras(folder / "cameras.bin")
        rows = _binary_images(folder / "images.bin")
        path = folder / "images.bin"
    else:
        cameras = _text_cameras(folder / "cameras.txt")
        rows = _text_images(folder / "images.txt")
        path = folder / "images.txt"
    if not rows:
        raise InputError(f"{path}: no image was placed; {_AGAIN}")
    unknown = next((row for row in rows if row[1] not in cameras), None)
    if unknown is not None:
        raise InputError(f"{path}: {unknown[0]} is of camera {unknown[1]}, which is not listed")
    poses = np.array([row[2] for row in rows])  # qw qx qy qz tx ty tz
    if not np.isfinite(poses).all() or (np.linalg.norm(poses[:, :4], axis=1) == 0).any():
        raise InputError(f"{path}: a pose without a rotation; {_AGAIN}")
    T_camera_world = pose_from_quaternion_xyzw(poses[:, [1, 2, 3, 0]], poses[:, 4:])
    names, ids = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    return ColmapModel(names, inverse(T_camera_world), ids, cameras)


_Row = tuple[str, int, list[float]]  # name, camera's id, pose


def _text_cameras(path: Path) -> dict[int, Camera]:
    lines = [line.split() for line in _lines(path)]
    return {_whole(words[0], path): _camera(words[1:], path) for words in lines if words}


def _text_images(path: Path) -> list[_Row]:
    """Every other line is of points, which may be empty."""
    rows: list[_Row] = []
    for line in _lines(path)[::2]:
        words = line.split(maxsplit=9)
        if len(words) != 10:
            if not words:
                continue
            raise InputError(f"{path}: expected `ID QW QX QY QZ TX TY TZ CAMERA NAME`; {_AGAIN}")
        try:
            pose = [float(word) for word in words[1:8]]
        except ValueError as error:
            raise InputError(f"{path}: {error}; {_AGAIN}") from error
        rows.append((words[9], _whole(words[8], path), pose))
    return rows


def _lines(path: Path) -> list[str]:
    return [line for line in read_text(path).splitlines() if not line.startswith("#")]


def _binary_cameras(path: Path) -> dict[int, Camera]:
    content, cameras = read_bytes(path), {}
    place = _COUNT.size
    for _ in range(_count(content, 0, path)):
        camera_id, model, width, height = _unpack(_CAMERA, content, place, path)
        place += _CAMERA.size
        name, length = _model(model, path)
        params = _unpack(struct.Struct(f"<{length}d"), content, place, path)
        place += 8 * length
        cameras[camera_id] = _camera([name, width, height, *params], path)
    return cameras


def _binary_images(path: Path) -> list[_Row]:
    content = read_bytes(path)
    rows: list[_Row] = []
    place = _COUNT.size
    for _ in range(_count(content, 0, path)):
        _, *pose, camera_id = _unpack(_IMAGE, content, place, path)
        place += _IMAGE.size
        end = content.find(b"\0", place)
        if end < 0:
            raise InputError(f"{path}: the file is cut short; {_AGAIN}")
        rows.append((content[place:end].decode(errors="surrogateescape"), camera_id, pose))
        place = end + 1 + _COUNT.size + _POINT_BYTES * _count(content, end + 1, path)
    if place > len(content):
        raise InputError(f"{path}: the file is cut short; {_AGAIN}")
    return rows


def _count(content: bytes, place: int, path: Path) -> int:
    (count,) = _unpack(_COUNT, content, place, path)
    return int(count)


def _unpack(layout: struct.Struct, content: bytes, place: int, path: Path) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(content, place)
    except (struct.error, IndexError, OverflowError) as error:  # of a count without measure
        raise InputError(f"{path}: the file is cut short; {_AGAIN}") from error


def _model(number: int, path: Path) -> tuple[str, int]:
    """Name of a model by its number, and how many parameters it has."""
    if number not in COLMAP_MODELS:
        raise InputError(
            f"{path}: its camera model has the number {number}, which is not read here; undistort "
            "the images by COLMAP first"
        )
    return COLMAP_MODELS[number]


def _camera(words: Iterable[object], path: Path) -> Camera:
    try:
        return colmap_camera([str(word) for word in words])
    except (ConfigError, InputError, IndexError) as error:
        raise InputError(f"{path}: {error}") from error


def _whole(word: str, path: Path) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise InputError(f"{path}: {word} is no number of a camera; {_AGAIN}") from error

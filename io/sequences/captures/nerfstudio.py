"""A data set of nerfstudio (or instant-ngp): transforms.json, images, perhaps depth.

Intrinsics stand once for all or with each frame; transform_matrix is T_world_camera with OpenGL's
axes (x right, y up, z backward); depth_file_path names 16-bit images of
depth_unit_scale_factor metres a unit (a millimetre where it is not told), or arrays in metres.
Format: docs.nerf.studio, "Data conventions".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError, shown
from mapper.io.cameras.calibration_formats import COLMAP_PIXEL_CENTER, finite_number
from mapper.io.cameras.camera import Camera, polynomial
from mapper.io.sequences.captures.capture import (
    FRAME_RATE,
    CaptureSequence,
    Recorded,
    open_capture,
)
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.captures.opengl import OPENCV_FROM_OPENGL
from mapper.io.sequences.image_files import first_size, natural_order
from mapper.io.sequences.truth_files import rigid_poses
from mapper.io.text_files import read_text

FILES: Final = ("transforms.json", "transforms_train.json")
MILLIMETRE: Final = 0.001
_PINHOLES: Final = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "")
_ENDINGS: Final = ("", ".png", ".jpg", ".jpeg")  # synthetic scenes name their images without


def is_nerfstudio(path: Path) -> bool:
    """Whether a folder holds transforms.json."""
    return any((path / name).is_file() for name in FILES)


def open_nerfstudio(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """The frames whose images are there, in the order of their names; the others are counted."""
    path = path.resolve()
    file = next(path / name for name in FILES if (path / name).is_file())
    content = _read(file)
    frames, notes = _present(file, content["frames"])
    images = [image for image, _ in frames]
    size = first_size(images, as_stored=True)
    cameras = [_camera({**content, **frame}, size, file) for _, frame in frames]
    cameras, frames, more = _of_one_size(cameras, frames)
    depth, depth_notes = _depth(file, [frame for _, frame in frames])
    unit = _number(content, "depth_unit_scale_factor", file, MILLIMETRE)
    if unit <= 0:
        raise InputError(f"{file}: depth_unit_scale_factor is {unit}; must be positive")
    found = Recorded(
        kind="nerfstudio",
        path=path,
        timestamps=np.arange(len(frames)) / FRAME_RATE,
        source=StoredFrames(tuple(image for image, _ in frames), depth, 1 / unit),
        cameras=cameras,
        poses=_poses(content, [frame for _, frame in frames], file),
        poses_path=file,
        poses_by="transforms.json",
        notes=(*notes, *more, *depth_notes),
    )
    return open_capture(found, path.name, calibration, registration)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(file))
    except ValueError as error:
        raise InputError(f"{file}: no readable JSON ({error}); write it again") from error
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not frames:
        raise InputError(f"{file}: expected a list `frames`; is it of nerfstudio?")
    for number, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise InputError(f"{file}: frame {number} names no file_path; write it again")
    return dict(content)


def _present(
    file: Path, frames: list[dict[str, Any]]
) -> tuple[list[tuple[Path, dict[str, Any]]], list[str]]:
    """Images with their frames, by name, and a sentence about those that are missing."""
    by_image = {}
    missing = []
    for frame in frames:
        places = [file.parent / f"{frame['file_path']}{ending}" for ending in _ENDINGS]
        image = next((place for place in places if place.is_file()), None)
        if image is None:
            missing.append(frame["file_path"])
        else:
            by_image[image] = frame
    if not by_image:
        raise InputError(
            f"{file}: none of its {len(frames)} images is there, the first is {missing[0]}; copy "
            "the images beside it, or mend file_path"
        )
    notes = []
    if missing:
        notes.append(
            f"{file.name}: {len(missing)} of {len(frames)} images are missing, the first is "
            f"{missing[0]}: left out"
        )
    return [(image, by_image[image]) for image in natural_order(by_image)], notes


def _camera(frame: Mapping[str, Any], size: tuple[int, int], file: Path) -> Camera:
    """frame: its keys over those of the file. size: of the images, where none is told."""
    width, height = (
        int(_number(frame, key, file, side)) for key, side in zip("wh", size, strict=True)
    )
    if "fl_x" in frame:
        fx = _number(frame, "fl_x", file)
    elif "camera_angle_x" in frame:
        fx = 0.5 * width / math.tan(0.5 * _number(frame, "camera_angle_x", file))
    else:
        raise InputError(f"{file}: no fl_x, neither for all frames nor for each; add it in pixels")
    fy = _number(frame, "fl_y", file, fx)
    cx = _number(frame, "cx", file, width / 2) - COLMAP_PIXEL_CENTER
    cy = _number(frame, "cy", file, height / 2) - COLMAP_PIXEL_CENTER
    model = str(frame.get("camera_model", ""))
    fisheye = model == "OPENCV_FISHEYE"
    if not fisheye and model not in _PINHOLES:
        raise InputError(
            f"{file}: camera_model {shown(model)} is not read here; known: OPENCV, OPENCV_FISHEYE, "
            "PINHOLE, SIMPLE_PINHOLE"
        )
    keys = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3")
    lens = [_number(frame, key, file, 0.0) for key in keys]
    try:
        intrinsics = Intrinsics(fx, fy, cx, cy, width, height)
        return Camera(intrinsics, tuple(lens) if fisheye else polynomial(lens), fisheye)
    except (InputError, ConfigError) as error:
        raise InputError(f"{file}: {error}") from error


def _of_one_size(
    cameras: list[Camera], frames: list[tuple[Path, dict[str, Any]]]
) -> tuple[list[Camera], list[tuple[Path, dict[str, Any]]], list[str]]:
    """The frames of the most frequent image size, and a sentence about the others."""
    sizes = [(camera.intrinsics.width, camera.intrinsics.height) for camera in cameras]
    common = max(sorted(set(sizes)), key=sizes.count)
    kept = [index for index, size in enumerate(sizes) if size == common]
    notes = []
    if others := len(sizes) - len(kept):
        notes.append(f"{others} images are not of {common[0]}x{common[1]} as most: left out")
    return [cameras[i] for i in kept], [frames[i] for i in kept], notes


def _depth(file: Path, frames: list[dict[str, Any]]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """A depth file for every frame, or none, and a sentence where some are missing."""
    names = [frame.get("depth_file_path") for frame in frames]
    if not any(names):
        return (), ()
    paths = [file.parent / str(name) for name in names if name]
    missing = [path for path in paths if not path.is_file()]
    if len(paths) == len(frames) and not missing:
        return tuple(paths), ()
    what = f"{missing[0]} is missing" if missing else "some frames name no depth_file_path"
    return (), (f"{file.name}: {what}: mapped without depth",)


def _poses(
    content: Mapping[str, Any], frames: list[dict[str, Any]], file: Path
) -> np.ndarray | None:
    """float64 (N, 4, 4), OpenCV axes, as written; NaN where a frame has none of 4 x 4 numbers."""
    poses = np.full((len(frames), 4, 4), np.nan)
    for pose, frame in zip(poses, frames, strict=True):
        try:
            matrix = np.array(frame.get("transform_matrix"), np.float64)
        except (TypeError, ValueError):
            continue
        if matrix.shape in ((3, 4), (4, 4)):
            pose[:] = np.eye(4)
            pose[: len(matrix)] = matrix
    scale = _number(content, "applied_scale", file, 1.0)
    if scale <= 0:
        raise InputError(f"{file}: applied_scale is {scale}; must be positive")
    poses[:, :3, 3] /= scale
    return poses @ OPENCV_FROM_OPENGL


def _number(
    content: Mapping[str, Any], key: str, file: Path, missing: float | None = None
) -> float:
    value = content.get(key, missing)
    number = finite_number(value)
    if number is None:
        raise InputError(f"{file}: {key} is {shown(value)}; must be a finite number")
    return number


def poses_by_image(file: Path) -> dict[str, np.ndarray]:
    """T_world_camera (4, 4), OpenCV axes, by the names of the images, which need not be there."""
    content = _read(file)
    frames: list[dict[str, Any]] = content["frames"]
    poses = _poses(content, frames, file)
    assert poses is not None
    known = np.isfinite(poses).all(axis=(1, 2))
    names = [Path(frame["file_path"]).name for frame in frames]
    rigid = rigid_poses(poses, file)
    return {name: T for name, T, is_known in zip(names, rigid, known, strict=True) if is_known}

"""The calibration of two cameras in one file: ours, Kalibr's camchain, ORB-SLAM's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from mapper.core.geometry import inverse
from mapper.errors import ConfigError, InputError, unknown_name
from mapper.io.cameras.calibration import CALIBRATION_NAME, camera_of, mapping_of
from mapper.io.cameras.calibration_formats import (
    camera_of_mapping,
    finite_number,
    parse_calibration,
)
from mapper.io.cameras.camera import Camera
from mapper.io.sequences.stereo.rectification import StereoCameras
from mapper.io.text_files import read_text
from mapper.runtime.atomic_files import atomic_write

STEREO_NAME: Final = "stereo.yaml"
_KEYS: Final = ("left", "right", "T_left_right", "baseline")


def find_stereo(path: Path | None, folders: Iterable[Path]) -> StereoCameras | None:
    """Of the named file, else of the first stereo.yaml or calibration.yaml in the folders that
    holds two cameras; None without. Raises ConfigError or InputError naming the file."""
    if path is not None:
        return load_stereo(Path(path))
    for folder in folders:
        for name in (STEREO_NAME, CALIBRATION_NAME):
            if (folder / name).is_file() and (cameras := load_stereo(folder / name)):
                return cameras
    return None


def is_calibrated(path: Path | None, folder: Path) -> bool:
    """Whether a file tells of the cameras, and not only what the format itself says."""
    names = (STEREO_NAME, CALIBRATION_NAME)
    return path is not None or any((folder / name).is_file() for name in names)


def load_stereo(path: Path) -> StereoCameras | None:
    """The two cameras of a file; None where it holds one."""
    try:
        text = read_text(path)
    except InputError as error:
        raise InputError(f"cannot read the calibration file {error}") from error
    if text.lstrip().startswith("<"):
        return None  # OpenCV's XML is of one camera
    try:
        content = parse_calibration(text)
        return _of_mapping(content) if isinstance(content, Mapping) else None
    except (ConfigError, InputError) as error:
        raise ConfigError(f"{path}: {error}") from error


def save_stereo(cameras: StereoCameras, path: Path) -> None:
    """Writes our form; the file appears whole or not at all."""
    content = {
        "left": mapping_of(cameras.left),
        "right": mapping_of(cameras.right),
        "T_left_right": inverse(cameras.T_right_left).tolist(),
    }
    with atomic_write(path) as file:
        yaml.safe_dump(content, file, sort_keys=False)


def _of_mapping(content: Mapping[Any, Any]) -> StereoCameras | None:
    if "left" in content or "right" in content:
        return _of_ours(content)
    if isinstance(content.get("cam0"), Mapping) and isinstance(content.get("cam1"), Mapping):
        left, right = (_known(content[name], name) for name in ("cam0", "cam1"))
        # Kalibr: from the coordinates of the camera before to those of this one.
        return StereoCameras(left, right, _matrix(content["cam1"], "T_cn_cnm1"))
    if "LEFT.K" in content:
        raise ConfigError("ORB-SLAM's settings of images that are not rectified are not read")
    product = finite_number(content.get("Camera.bf"))  # ORB-SLAM: of rectified images
    if product is not None and (camera := camera_of_mapping(content)) is not None:
        return _beside(camera, camera, product / camera.intrinsics.fx)
    return None


def _of_ours(content: Mapping[Any, Any]) -> StereoCameras:
    for key in content:
        if key not in _KEYS:
            raise ConfigError(unknown_name("key", str(key), _KEYS))
    if not {"left", "right"} <= content.keys() or len(content) != 3:
        raise ConfigError(
            "a stereo calibration holds left, right, and T_left_right or, of rectified images, "
            "baseline"
        )
    left, right = (camera_of(content[name], name) for name in ("left", "right"))
    if "baseline" in content:
        baseline = finite_number(content["baseline"])
        if baseline is None or baseline <= 0:
            raise ConfigError("baseline must be a positive number of metres")
        return _beside(left, right, baseline)
    return StereoCameras(left, right, inverse(_matrix(content, "T_left_right")))


def _beside(left: Camera, right: Camera, baseline: float) -> StereoCameras:
    """Cameras that look the same way; baseline: metres."""
    T_right_left = np.eye(4)
    T_right_left[0, 3] = -baseline
    return StereoCameras(left, right, T_right_left)


def _known(content: Mapping[Any, Any], name: str) -> Camera:
    camera = camera_of_mapping(content)
    if camera is None:
        raise ConfigError(f"{name} is no camera: camera_model and intrinsics are missing")
    return camera


def _matrix(content: Mapping[Any, Any], key: str) -> np.ndarray:
    try:
        matrix = np.array(content[key], np.float64)
    except (KeyError, TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ConfigError(f"{key} must be four rows of four numbers, in metres")
    return matrix

"""EuRoC MAV in the ASL format: the left camera, with depth where the right one is there too.

    MH_01_easy/mav0/cam0/data.csv                  `timestamp [ns],filename`
    MH_01_easy/mav0/cam0/data/1403636579763555584.png
    MH_01_easy/mav0/cam0/sensor.yaml               T_BS, intrinsics, distortion_coefficients
    MH_01_easy/mav0/cam1/...                       the right camera, likewise
    MH_01_easy/mav0/state_groundtruth_estimate0/data.csv

Ground truth: time [ns], position of the body in the world, quaternion wxyz, velocities and biases
at 200/s. The camera's pose is T_world_body T_BS, OpenCV axes, metres. Grey images of 752x480,
distorted (radial-tangential). The benchmarks read these files by the functions below.
Source: Burri et al., "The EuRoC micro aerial vehicle datasets", IJRR 2016,
projects.asl.ethz.ch/datasets.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, InputError, MapperError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.stereo.calibration import find_stereo, is_calibrated
from mapper.io.sequences.stereo.pairs import pairs_by_time
from mapper.io.sequences.stereo.rectification import StereoCameras
from mapper.io.sequences.stereo.stereo_sequence import StereoSequence
from mapper.io.sequences.truth_files import Truth, optional_truth, rigid_poses
from mapper.io.trajectory_files import read_euroc

TRUTH: Final = Path("state_groundtruth_estimate0") / "data.csv"
_MODELS: Final = ("radial-tangential", "radtan", "plumb_bob")


def is_euroc(path: Path) -> bool:
    """Whether a folder is a flight (mav0 in it), or mav0 itself."""
    return (_mav(path) / "cam0" / "data.csv").is_file()


def euroc_name(path: Path) -> str:
    """Like MH_01_easy."""
    path = path.resolve()
    return path.parent.name if path.name == "mav0" else path.name


def open_euroc(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence | StereoSequence:
    """One flight seen by cam0, undistorted; rectified and with depth where cam1 is there too, and
    no calibration of one camera is given."""
    path = path.resolve()
    if registration not in ("auto", "none"):
        raise ConfigError(f"{path}: EuRoC has no depth camera; --registration must be auto or none")
    mav = _mav(path)
    timestamps, images = image_list(mav / "cam0" / "data.csv")
    camera, T_body_camera = read_sensor(mav / "cam0" / "sensor.yaml")
    truth, notes = optional_truth(lambda: _truth(mav / TRUTH, T_body_camera))
    stereo = _stereo(path, calibration, camera, T_body_camera)
    if stereo is not None:
        right_times, right = image_list(mav / "cam1" / "data.csv")
        pairs = pairs_by_time(images, timestamps, right, right_times)
        return StereoSequence("euroc", euroc_name(path), path, pairs, stereo, truth, notes)
    cameras = find_calibration(calibration, (path,)) or Calibration(camera)
    return FileSequence(
        kind="euroc",
        name=euroc_name(path),
        path=path,
        timestamps=timestamps,
        color_paths=tuple(images),
        depth_paths=(),
        depth_scale=1.0,
        rig=Rig(cameras, "none", (0, 0)),
        ground_truth=truth,
        notes=notes,
    )


def _stereo(
    path: Path, calibration: Path | None, left: Camera, T_body_left: np.ndarray
) -> StereoCameras | None:
    """Both cameras, where there is a right one; left and its pose: by sensor.yaml."""
    folder = _mav(path) / "cam1"
    if not (folder / "data.csv").is_file():
        return None
    if is_calibrated(calibration, path):
        return find_stereo(calibration, (path,))
    right, T_body_right = read_sensor(folder / "sensor.yaml")
    try:
        return StereoCameras(left, right, inverse(T_body_right) @ T_body_left)
    except InputError as error:
        raise InputError(f"{folder / 'sensor.yaml'}: {error}") from error


def image_list(path: Path) -> tuple[np.ndarray, list[Path]]:
    """Times float64 (N,), s, and the images' paths, of data.csv. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path} is missing: expected the list of images here")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = [row for row in csv.reader(lines) if row and not row[0].startswith("#")]
        timestamps = np.array([int(row[0]) for row in rows]) / 1e9
        images = [path.parent / "data" / row[1].strip() for row in rows]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: expected lines `timestamp [ns],filename`: {error}") from error
    missing = [image for image in images if not image.is_file()]
    if missing:
        raise InputError(f"{missing[0]} is missing: {path} lists it; is the download complete?")
    return timestamps, images


def read_sensor(path: Path) -> tuple[Camera, np.ndarray]:
    """The camera, and T_body_camera (4, 4), of sensor.yaml. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path} is missing: expected the camera's calibration here")
    try:
        content = read_mapping(path)
        camera = _camera(content)
        T_body_camera = np.array(content["T_BS"]["data"], np.float64).reshape(1, 4, 4)
    except (MapperError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())
        raise InputError(
            f"{path}: expected T_BS, intrinsics, resolution and radial-tangential "
            f"distortion_coefficients: {reason}"
        ) from error
    return camera, rigid_poses(T_body_camera, path)[0]


def _mav(path: Path) -> Path:
    nested = path / "mav0"
    return nested if nested.is_dir() else path


def _truth(path: Path, T_body_camera: np.ndarray) -> Truth:
    """None without a file."""
    if not path.is_file():
        return None, ()
    body = read_euroc(path)
    return Trajectory(body.timestamps, body.T_world_camera @ T_body_camera), ()


def _camera(content: dict[str, Any]) -> Camera:
    model = content.get("distortion_model", _MODELS[0])
    if model not in _MODELS:
        raise ValueError(f"distortion_model is {model}")
    fx, fy, cx, cy = (float(value) for value in content["intrinsics"])
    width, height = (int(value) for value in content["resolution"])
    coefficients = tuple(float(value) for value in content["distortion_coefficients"])
    return Camera(Intrinsics(fx, fy, cx, cy, width, height), coefficients)

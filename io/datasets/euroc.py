"""EuRoC MAV in the ASL format; the left camera.

    ROOT/MH_01_easy/mav0/cam0/data.csv                  `timestamp [ns],filename`
    ROOT/MH_01_easy/mav0/cam0/data/1403636579763555584.png
    ROOT/MH_01_easy/mav0/cam0/sensor.yaml               T_BS, intrinsics, distortion_coefficients
    ROOT/MH_01_easy/mav0/state_groundtruth_estimate0/data.csv

The folders may also lie one deeper (machine_hall/MH_01_easy). Ground truth: time [ns], position of
the body in the world, quaternion wxyz, velocities and biases at 200/s. The camera's pose is
T_world_body T_BS, OpenCV axes, metres. An image without a pose within 10 ms (before take-off) stays
with NaN. Grey images 752x480, distorted (radial-tangential); the coefficients are given. No depth.
Source: Burri et al., "The EuRoC micro aerial vehicle datasets", IJRR 2016,
projects.asl.ethz.ch/datasets.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.yaml_text import read_mapping
from mapper.errors import InputError, MapperError
from mapper.io.cameras.camera import Camera
from mapper.io.datasets.dataset import BenchSequence, poses_at
from mapper.io.datasets.layout import require_file, subfolders
from mapper.io.sequences.truth_files import rigid_poses
from mapper.io.trajectory_files import read_euroc

POSE_TOLERANCE = 0.01  # s
_MODELS = ("radial-tangential", "radtan", "plumb_bob")


def find(root: Path) -> list[str]:
    """Names such as MH_01_easy or machine_hall/MH_01_easy."""
    folders = [child for outer in subfolders(root) for child in (outer, *subfolders(outer))]
    names = [str(f.relative_to(root)) for f in folders if (f / "mav0").is_dir()]
    if not names:
        raise InputError(f"{root}: no sequences here; expected MH_01_easy/mav0/cam0/data.csv")
    return names


def read(root: Path, name: str) -> BenchSequence:
    """One flight seen by cam0."""
    mav = root / name / "mav0"
    timestamps, images = _image_list(mav / "cam0" / "data.csv")
    camera, T_body_camera = _read_sensor(mav / "cam0" / "sensor.yaml")
    path = mav / "state_groundtruth_estimate0" / "data.csv"
    truth = read_euroc(require_file(path, "the poses of the body"))
    return BenchSequence(
        name=name,
        images=images,
        timestamps=timestamps,
        T_world_camera=poses_at(timestamps, truth, POSE_TOLERANCE) @ T_body_camera,
        depths=None,
        read_depth=None,
        intrinsics=camera.intrinsics,
        masks=None,
        distortion=camera.distortion,
    )


def _image_list(path: Path) -> tuple[np.ndarray, list[Path]]:
    """Times float64 (N,), s, and the images' paths."""
    require_file(path, "the list of images")
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


def _read_sensor(path: Path) -> tuple[Camera, np.ndarray]:
    """The camera, and T_body_camera (4, 4), of sensor.yaml."""
    require_file(path, "the camera's calibration")
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


def _camera(content: dict[str, Any]) -> Camera:
    model = content.get("distortion_model", _MODELS[0])
    if model not in _MODELS:
        raise ValueError(f"distortion_model is {model}")
    fx, fy, cx, cy = (float(value) for value in content["intrinsics"])
    width, height = (int(value) for value in content["resolution"])
    coefficients = tuple(float(value) for value in content["distortion_coefficients"])
    return Camera(Intrinsics(fx, fy, cx, cy, width, height), coefficients)

"""Replica, as rendered for the SLAM papers: one room.

    cam_params.json, in the folder of the room or above it
    room0/traj.txt                                                16 numbers a line
    room0/results/frame000000.jpg, depth000000.png                1200x680

Poses: T_world_camera, row by row, OpenCV axes, metres. Depth: 16 bit, `scale` (6553.5) units a
metre, rendered without noise. 30 frames a second. The benchmarks read the camera by the function
below.
Source: Straub et al., "The Replica dataset", arXiv 1906.05797; rendered sequences by Sucar et al.,
"iMAP", ICCV 2021, in the archive of Zhu et al., "NICE-SLAM", CVPR 2022.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import list_images
from mapper.io.sequences.truth_files import Truth, optional_truth, read_matrices

FRAME_RATE = 30.0  # 1/s; the files carry no time
CAMERA = "cam_params.json"


def is_replica(path: Path) -> bool:
    """Whether a folder holds results/frame000000.jpg and a camera in it or above."""
    return _camera_file(path) is not None and any((path / "results").glob("frame*"))


def open_replica(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """One room."""
    path = path.resolve()
    images = [p for p in list_images(path / "results") if p.name.startswith("frame")]
    depths = [p.with_name(f"{p.stem.replace('frame', 'depth', 1)}.png") for p in images]
    missing = next((p for p in depths if not p.is_file()), None)
    if missing is not None:
        raise InputError(f"{missing} is missing; is the download complete?")
    camera = _camera_file(path)
    assert camera is not None
    intrinsics, scale = read_camera(camera)
    cameras = find_calibration(calibration, (path,)) or Calibration(Camera(intrinsics))
    timestamps = np.arange(len(images)) / FRAME_RATE
    truth, notes = optional_truth(lambda: _truth(path / "traj.txt", timestamps))
    return FileSequence(
        kind="replica",
        name=path.name,
        path=path,
        timestamps=timestamps,
        color_paths=tuple(images),
        depth_paths=tuple(depths),
        depth_scale=cameras.depth_scale or scale,
        rig=Rig(cameras, registration, (0, 0)),
        ground_truth=truth,
        notes=notes,
    )


def read_camera(path: Path) -> tuple[Intrinsics, float]:
    """The camera, and the depth images' units per metre. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path} is missing: expected the camera and the depth scale here")
    try:
        camera = json.loads(path.read_text(encoding="utf-8"))["camera"]
        fx, fy, cx, cy, scale = (float(camera[key]) for key in ("fx", "fy", "cx", "cy", "scale"))
        size = int(camera["w"]), int(camera["h"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f'{path}: expected "camera" with w, h, fx, fy, cx, cy, scale') from error
    if not 0 < scale < np.inf:
        raise InputError(f"{path}: scale is {scale}; the depth's units per metre must be positive")
    return pinhole((fx, fy, cx, cy), size, path), scale


def _camera_file(path: Path) -> Path | None:
    places = (path / CAMERA, path.resolve().parent / CAMERA)
    return next((place for place in places if place.is_file()), None)


def _truth(path: Path, timestamps: np.ndarray) -> Truth:
    """None without a file; a pose that is not finite is left out."""
    if not path.is_file():
        return None, ()
    poses = read_matrices(path, len(timestamps))
    known = np.isfinite(poses).all(axis=(1, 2))
    return Trajectory(timestamps[known], poses[known]), ()

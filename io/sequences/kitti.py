"""KITTI odometry: image_2 (colour) or image_0 (grey), calib.txt, times.txt, poses of camera 0.

With the right camera's images beside them (image_3, image_1) there is depth by stereo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.geometry import inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import first_size, list_images
from mapper.io.sequences.stereo.calibration import find_stereo, is_calibrated
from mapper.io.sequences.stereo.pairs import pairs_by_name
from mapper.io.sequences.stereo.rectification import StereoCameras
from mapper.io.sequences.stereo.stereo_sequence import StereoSequence
from mapper.io.sequences.truth_files import Truth, optional_truth, rigid_poses
from mapper.io.text_files import read_text

# In order of preference: colour, left before right; then grey.
_CAMERAS = {"image_2": "P2", "image_3": "P3", "image_0": "P0", "image_1": "P1"}
_RIGHT_OF = {"image_2": "image_3", "image_0": "image_1"}


def is_kitti(path: Path) -> bool:
    """Whether a folder has one of KITTI's image folders."""
    return any((path / folder).is_dir() for folder in _CAMERAS)


def kitti_name(path: Path) -> str:
    """Like kitti-07."""
    return f"kitti-{path.resolve().name}"


def open_kitti(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence | StereoSequence:
    """A sequence folder such as dataset/sequences/00. There is no depth unless the right camera's
    images lie there, and no calibration of one camera is given."""
    path = path.resolve()
    left = open_left(path, calibration, registration)
    stereo = _stereo(left, calibration)
    if stereo is None:
        return left
    right = list_images(path / _RIGHT_OF[left.color_paths[0].parent.name])
    pairs = pairs_by_name(list(left.color_paths), right, left.timestamps)
    truth, notes = left.ground_truth, left.notes
    return StereoSequence(left.kind, left.name, path, pairs, stereo, truth, notes)


def open_left(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """The images of one camera, rectified, without depth."""
    path = path.resolve()
    folder, color_paths = _images(path)
    timestamps = _read_table(path / "times.txt", 1)[:, 0]
    if len(timestamps) != len(color_paths):
        raise InputError(
            f"{path / 'times.txt'}: {len(timestamps)} times for {len(color_paths)} images in "
            f"{folder}; is the download complete?"
        )
    size = first_size(color_paths)
    intrinsics, T_camera_cam0 = _read_projection(path / "calib.txt", _CAMERAS[folder], size)
    if registration not in ("auto", "none"):
        raise ConfigError(f"{path}: KITTI has no depth camera; --registration must be auto or none")
    truth, notes = optional_truth(lambda: _read_ground_truth(path, timestamps, T_camera_cam0))
    cameras = _given(calibration, path) or Calibration(Camera(intrinsics))
    return FileSequence(
        kind="kitti",
        name=kitti_name(path),
        path=path,
        timestamps=timestamps,
        color_paths=tuple(color_paths),
        depth_paths=(),
        depth_scale=1.0,
        rig=Rig(cameras, "none", size),
        ground_truth=truth,
        notes=notes,
    )


def _given(calibration: Path | None, path: Path) -> Calibration | None:
    """The left camera of a calibration of two, else what a calibration says."""
    stereo = find_stereo(calibration, (path,))
    return Calibration(stereo.left) if stereo else find_calibration(calibration, (path,))


def _stereo(sequence: FileSequence, calibration: Path | None) -> StereoCameras | None:
    """Both cameras, where the right one's images are there and known."""
    path, folder = sequence.path, sequence.color_paths[0].parent.name
    right = _RIGHT_OF.get(folder)
    if right is None or not (path / right).is_dir() or not list_images(path / right):
        return None
    if is_calibrated(calibration, path):
        return find_stereo(calibration, (path,))
    assert sequence.intrinsics is not None
    left = Camera(sequence.intrinsics)
    size = left.intrinsics.width, left.intrinsics.height
    _, T_left_cam0 = _read_projection(path / "calib.txt", _CAMERAS[folder], size)
    intrinsics, T_right_cam0 = _read_projection(path / "calib.txt", _CAMERAS[right], size)
    T_right_left = np.eye(4)
    # The images are rectified: what is left of a shift along y and z was turned away with them.
    T_right_left[0, 3] = T_right_cam0[0, 3] - T_left_cam0[0, 3]
    try:
        return StereoCameras(left, Camera(intrinsics), T_right_left)
    except InputError as error:
        raise InputError(f"{path / 'calib.txt'}: {error}") from error


def _images(path: Path) -> tuple[str, list[Path]]:
    """The first folder that holds images, and those."""
    folders = [name for name in _CAMERAS if (path / name).is_dir()]
    for name in folders:
        if paths := list_images(path / name):
            return name, paths
    raise InputError(f"{path / folders[0]}: no images; is the download complete?")


def _read_projection(path: Path, key: str, size: tuple[int, int]) -> tuple[Intrinsics, np.ndarray]:
    """Intrinsics, and the rigid transform (4, 4) from camera 0, of P = K [I | t] in calib.txt."""
    if not path.is_file():
        raise InputError(f"{path} is missing; KITTI's calibration archive holds it")
    for line in read_text(path).splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() != key:
            continue
        try:
            P = np.array(numbers.split(), np.float64).reshape(3, 4)
            t = np.linalg.solve(P[:, :3], P[:, 3])
        except ValueError as error:  # a matrix without an inverse too
            raise InputError(f"{path}: {key} must hold 12 numbers, K [I | t]; mend it") from error
        return pinhole((P[0, 0], P[1, 1], P[0, 2], P[1, 2]), size, path), pose(np.eye(3), t)
    raise InputError(f"{path}: no line {key}; KITTI's calibration archive holds the right file")


def _read_ground_truth(path: Path, timestamps: np.ndarray, T_camera_cam0: np.ndarray) -> Truth:
    """Poses of the camera whose images are read, from those of camera 0; None without a file."""
    places = (path / "poses.txt", path.parent.parent / "poses" / f"{path.name}.txt")
    poses_path = next((place for place in places if place.is_file()), None)
    if poses_path is None:
        return None, ()
    rows = _read_table(poses_path, 12)
    if len(rows) != len(timestamps):
        raise InputError(
            f"{poses_path}: {len(rows)} poses for {len(timestamps)} images; "
            "is it the file of this sequence?"
        )
    poses = rigid_poses(rows.reshape(-1, 3, 4), poses_path) @ inverse(T_camera_cam0)
    return Trajectory(timestamps, poses), ()


def _read_table(path: Path, columns: int) -> np.ndarray:
    """float64 (N, columns) of a text file of finite numbers."""
    if not path.is_file():
        raise InputError(f"{path} is missing; a KITTI sequence needs it")
    try:
        table = np.array(read_text(path).split(), np.float64).reshape(-1, columns)
    except ValueError as error:
        raise InputError(f"{path}: expected {columns} numbers a line: {error}") from error
    if not np.isfinite(table).all():
        raise InputError(f"{path}: holds a number that is not finite")
    return table

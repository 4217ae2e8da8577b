"""ARKitScenes: lowres_wide/, lowres_depth/, confidence/, lowres_wide_intrinsics/, lowres_wide.traj.

Names end in the time, s: 41069021_305.377.png. Colour and depth of 256x192, depth in millimetres,
confidence 0, 1, 2. A .pincam holds width, height, fx, fy, cx, cy. A line of the trajectory is a
time, an axis-angle rotation and a translation of T_camera_world, OpenCV axes, by ARKit; an image
takes the nearest within 5 ms, as the dataset's own loader does.
Format: github.com/apple/ARKitScenes, DATA.md and threedod/benchmark_scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse
from mapper.core.trajectory import matching_times
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.sequences.captures.capture import CaptureSequence, Recorded, open_capture
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.image_files import list_images
from mapper.io.sequences.pairing import pair_times
from mapper.io.text_files import read_text

_POSE_TOLERANCE: Final = 0.005  # s, of a pose that is of an image
_CAMERA_TOLERANCE: Final = 0.05  # s, of its intrinsics
_COLOR, _DEPTH, _CAMERAS = "lowres_wide", "lowres_depth", "lowres_wide_intrinsics"


def is_arkitscenes(path: Path) -> bool:
    """Whether a folder, or its NAME_frames, holds colour and cameras of ARKitScenes."""
    folder = _frames(path)
    return (folder / _COLOR).is_dir() and (folder / _CAMERAS).is_dir()


def arkitscenes_name(path: Path) -> str:
    """Like 41069021."""
    return path.resolve().name.removesuffix("_frames")


def open_arkitscenes(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """The images with depth within 0.02 s; the others are counted."""
    path = path.resolve()
    folder = _frames(path)
    images = list_images(folder / _COLOR)
    times = _times(images, folder / _COLOR)
    notes: tuple[str, ...] = ()
    depth: tuple[Path, ...] = ()
    if (folder / _DEPTH).is_dir():
        stored = list_images(folder / _DEPTH)
        pairs = pair_times(times, _times(stored, folder / _DEPTH))
        if len(pairs.color) == 0:
            raise InputError(f"{folder / _DEPTH}: no depth within 0.02 s of an image")
        left_out = len(images) - len(pairs.color)
        notes = (f"{left_out} images have no depth within 0.02 s: left out",) if left_out else ()
        images, times = [images[i] for i in pairs.color], times[pairs.color]
        depth = tuple(stored[i] for i in pairs.depth)
    found = Recorded(
        kind="arkitscenes",
        path=path,
        timestamps=times,
        source=StoredFrames(tuple(images), depth, confidence_paths=_confidences(folder, depth)),
        cameras=_cameras(folder / _CAMERAS, times),
        poses=_poses(folder / f"{_COLOR}.traj", times),
        poses_path=folder / f"{_COLOR}.traj",
        poses_by="ARKit",
        camera_kind="lidar",
        notes=notes,
    )
    return open_capture(found, arkitscenes_name(path), calibration, registration)


def _frames(path: Path) -> Path:
    nested = path / f"{path.resolve().name}_frames"
    return nested if nested.is_dir() else path


def _times(paths: list[Path], folder: Path) -> np.ndarray:
    """Seconds (N,) in the names of files."""
    try:
        times = np.array([float(path.stem.rpartition("_")[2]) for path in paths])
    except ValueError as error:
        raise InputError(f"{folder}: a name without a time ({error}); expected ID_TIME") from error
    if not len(times):
        raise InputError(f"{folder}: no files; is the download complete?")
    return times


def _confidences(folder: Path, depth: tuple[Path, ...]) -> tuple[Path, ...]:
    """The file of each depth, or none where one is missing."""
    paths = tuple(folder / "confidence" / p.name for p in depth)
    return paths if all(p.is_file() for p in paths) else ()


def _cameras(folder: Path, times: np.ndarray) -> list[Camera]:
    """The nearest in time for each image; a file is read once."""
    files = sorted(folder.glob("*.pincam"), key=lambda p: float(_times([p], folder)[0]))
    known = _times(files, folder)
    rows, matched = matching_times(known, times, _CAMERA_TOLERANCE)
    if len(matched) < len(times):
        lonely = times[sorted(set(range(len(times))) - set(matched.tolist()))[0]]
        raise InputError(f"{folder}: no .pincam of the image at {lonely:.3f} s; download it again")
    read = {row: _camera(files[row]) for row in set(rows.tolist())}
    return [read[row] for row in rows.tolist()]


def _camera(file: Path) -> Camera:
    try:
        width, height, fx, fy, cx, cy = map(float, read_text(file).split())
    except ValueError as error:
        raise InputError(f"{file}: expected width, height, fx, fy, cx, cy ({error})") from error
    return Camera(pinhole((fx, fy, cx, cy), (int(width), int(height)), file))


def _poses(file: Path, times: np.ndarray) -> np.ndarray | None:
    """float64 (N, 4, 4), NaN where no line is near in time; None without a file."""
    if not file.is_file():
        return None
    try:
        numbers = [line.split() for line in read_text(file).splitlines() if line.split()]
        table = np.array(numbers, np.float64).reshape(-1, 7)
    except ValueError as error:
        raise InputError(f"{file}: expected a time and six numbers a line: {error}") from error
    table = table[np.argsort(table[:, 0], kind="stable")]
    T_camera_world = np.repeat(np.eye(4)[None], len(table), axis=0)
    T_camera_world[:, :3, :3] = Rotation.from_rotvec(table[:, 1:4]).as_matrix()
    T_camera_world[:, :3, 3] = table[:, 4:]
    poses = np.full((len(times), 4, 4), np.nan)
    if len(table):
        rows, matched = matching_times(table[:, 0], times, _POSE_TOLERANCE)
        poses[matched] = inverse(T_camera_world)[rows]
    return poses

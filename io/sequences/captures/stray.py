"""Stray Scanner's folders: rgb.mp4, depth/, confidence/, odometry.csv, camera_matrix.csv.

Depth: 16-bit PNG in millimetres, of 256x192. Confidence: 0, 1, 2. odometry.csv: a line of names
(timestamp, frame, x, y, z, qx, qy, qz, qw, in newer ones also fx, fy, cx, cy), then a line a frame:
T_world_camera with OpenCV's axes by ARKit. camera_matrix.csv: 3x3, of the video.
Format: github.com/strayrobots/scanner, docs/format.md.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.sequences.captures.capture import CaptureSequence, Recorded, open_capture
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.video import VideoSequence
from mapper.io.text_files import read_text

_POSE: Final = ("x", "y", "z", "qx", "qy", "qz", "qw")
_CAMERA: Final = ("fx", "fy", "cx", "cy")


@dataclass(frozen=True, slots=True)
class _FilmedFrames:
    """Colour of a video, its frames by number, and depth of files."""

    video: VideoSequence
    numbers: tuple[int, ...]
    stored: StoredFrames

    @property
    def has_depth(self) -> bool:
        return self.stored.has_depth

    def color(self, index: int) -> np.ndarray:
        return self.video[self.numbers[index]].image

    def depth(self, index: int) -> np.ndarray:
        return self.stored.depth(index)

    def files(self, index: int) -> tuple[Path, ...]:
        return (self.video.path, *self.stored.files(index))

    def close(self) -> None:
        self.video.close()


def is_stray(path: Path) -> bool:
    """Whether a folder holds a video, its odometry and its camera."""
    return all((path / n).is_file() for n in ("rgb.mp4", "odometry.csv", "camera_matrix.csv"))


def open_stray(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """The frames of the odometry that the video and depth/ hold; the others are counted."""
    path = path.resolve()
    table = _read_odometry(path / "odometry.csv")
    video = VideoSequence(path / "rgb.mp4")
    try:
        return _open(path, table, video, calibration, registration)
    except Exception:
        video.close()
        raise


def _open(
    path: Path,
    table: dict[str, np.ndarray],
    video: VideoSequence,
    calibration: Path | None,
    registration: str,
) -> CaptureSequence:
    numbers = table["frame"].astype(int)
    has_depth = (path / "depth").is_dir()
    kept = [
        row
        for row, number in enumerate(numbers)
        if 0 <= number < len(video) and (not has_depth or _depth_path(path, number).is_file())
    ]
    if not kept:
        raise InputError(f"{path}: odometry.csv and depth/ share no frame; copy the scan again")
    left_out = len(numbers) - len(kept)
    notes = (f"{left_out} frames of odometry.csv lack depth or an image: left out",)
    found = Recorded(
        kind="stray-scanner",
        path=path,
        timestamps=table["timestamp"][kept],
        source=_FilmedFrames(video, tuple(numbers[kept].tolist()), _depths(path, numbers[kept])),
        cameras=_cameras(path / "camera_matrix.csv", table, kept, video),
        poses=_poses(table, kept),
        poses_path=path / "odometry.csv",
        poses_by="ARKit",
        camera_kind="lidar",
        notes=notes if left_out else (),
    )
    return open_capture(found, path.name, calibration, registration)


def _read_odometry(path: Path) -> dict[str, np.ndarray]:
    """Columns by their names."""
    rows = [row for row in csv.reader(read_text(path).splitlines()) if row]
    names = [name.strip() for name in rows[0]] if rows else []
    try:
        numbers = np.array([[float(word) for word in row] for row in rows[1:]])
        table = dict(zip(names, numbers.T, strict=True))
        if not {"timestamp", "frame", *_POSE} <= table.keys():
            raise ValueError(f"its columns are {', '.join(names)}")
        if not np.isfinite(table["frame"]).all():
            raise ValueError("a frame has no number")
    except ValueError as error:
        raise InputError(
            f"{path}: expected timestamp, frame, {', '.join(_POSE)} ({error}); copy the scan again"
        ) from error
    return table


def _depths(path: Path, numbers: np.ndarray) -> StoredFrames:
    """The files of depth and, where there is one for each, of confidence."""
    if not (path / "depth").is_dir():
        return StoredFrames(())
    depth = tuple(_depth_path(path, number) for number in numbers)
    confidence = tuple(path / "confidence" / p.name for p in depth)
    all_there = all(p.is_file() for p in confidence)
    return StoredFrames((), depth, confidence_paths=confidence if all_there else ())


def _depth_path(path: Path, number: int) -> Path:
    return path / "depth" / f"{number:06d}.png"


def _cameras(
    path: Path, table: dict[str, np.ndarray], kept: list[int], video: VideoSequence
) -> list[Camera]:
    """As odometry.csv has them for each frame, else as camera_matrix.csv has one for all."""
    height, width = video[0].image.shape[:2]
    if all(name in table for name in _CAMERA):
        rows = np.column_stack([table[name][kept] for name in _CAMERA])
    else:
        try:
            K = np.array(
                [[float(word) for word in row] for row in csv.reader(read_text(path).splitlines())]
            ).reshape(3, 3)
        except ValueError as error:
            raise InputError(f"{path}: expected 3x3 numbers: {error}") from error
        rows = np.repeat([[K[0, 0], K[1, 1], K[0, 2], K[1, 2]]], len(kept), axis=0)
    return [
        Camera(pinhole((float(fx), float(fy), float(cx), float(cy)), (width, height), path))
        for fx, fy, cx, cy in rows
    ]


def _poses(table: dict[str, np.ndarray], kept: list[int]) -> np.ndarray:
    """float64 (N, 4, 4); NaN where the quaternion is none."""
    numbers = np.column_stack([table[name][kept] for name in _POSE])
    poses = np.full((len(numbers), 4, 4), np.nan)
    known = np.isfinite(numbers).all(axis=1) & numbers[:, 3:].any(axis=1)
    if known.any():
        poses[known] = pose_from_quaternion_xyzw(numbers[known, 3:], numbers[known, :3])
    return poses

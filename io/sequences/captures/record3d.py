"""Record3D: its export of EXR depth and JPEG colour, and its own .r3d, zipped or unpacked.

    FOLDER/rgb/0.jpg, FOLDER/depth/0.exr, FOLDER/metadata.json         (also within EXR_RGBD/)
    FILE.r3d: metadata, rgbd/0.jpg, rgbd/0.depth, rgbd/0.conf

metadata is JSON: w and h of colour, dw and dh of depth, K column by column, perhaps
perFrameIntrinsicCoeffs (fx, fy, cx, cy) and frameTimestamps, fps, and poses as qx, qy, qz, qw, x,
y, z: T_world_camera by ARKit with OpenGL's axes. Depth: metres, float32, in a .r3d packed by LZFSE,
as confidence (0, 1, 2) is. Source: github.com/marek-simonik/record3d and the issues there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.sequences.captures.capture import (
    FRAME_RATE,
    CaptureSequence,
    Recorded,
    open_capture,
)
from mapper.io.sequences.captures.frame_source import FrameSource, StoredFrames
from mapper.io.sequences.captures.opengl import OPENCV_FROM_OPENGL
from mapper.io.sequences.captures.r3d_frames import open_packed_frames
from mapper.io.sequences.image_files import list_images
from mapper.io.text_files import read_text

SUFFIX: Final = ".r3d"
_NESTED: Final = "EXR_RGBD"


def is_record3d(path: Path) -> bool:
    """Whether a path is a .r3d, what was unpacked of one, or an export with metadata.json."""
    if path.is_file():
        return path.suffix.lower() == SUFFIX
    folder = _exported(path)
    unpacked = (path / "metadata").is_file() and (path / "rgbd").is_dir()
    return unpacked or ((folder / "metadata.json").is_file() and (folder / "rgb").is_dir())


def record3d_name(path: Path) -> str:
    """The name of the file without its ending, or of the folder."""
    path = path.resolve()
    return path.stem if path.is_file() else path.name


def open_record3d(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """Frames in the order of their numbers."""
    path = path.resolve()
    source: FrameSource
    if path.is_file() or (path / "rgbd").is_dir():
        source, numbers, text = open_packed_frames(path)
        named = path if path.is_file() else path / "metadata"
    else:
        folder = _exported(path)
        source, numbers = _exported_frames(folder)
        named = folder / "metadata.json"
        text = read_text(named)
    try:
        found = _recorded(path, source, numbers, _metadata(text, named), named)
        return open_capture(found, record3d_name(path), calibration, registration)
    except Exception:
        source.close()
        raise


def _exported(path: Path) -> Path:
    return path / _NESTED if (path / _NESTED).is_dir() else path


def _exported_frames(folder: Path) -> tuple[StoredFrames, list[int]]:
    """The frames with depth, and their numbers."""
    images = [p for p in list_images(folder / "rgb") if p.stem.isdigit()]
    depths = [folder / "depth" / f"{image.stem}.exr" for image in images]
    kept = [i for i, depth in enumerate(depths) if depth.is_file()]
    if not images or not kept:
        raise InputError(f"{folder}: no pairs like rgb/0.jpg and depth/0.exr; export it again")
    color, depth = (tuple(paths[i] for i in kept) for paths in (images, depths))
    return StoredFrames(color, depth), [int(images[i].stem) for i in kept]


def _metadata(text: str, named: Path) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{named}: no readable JSON ({error}); export it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{named}: expected the keys K, w, h and poses; export it again")
    return content


def _recorded(
    path: Path, source: FrameSource, numbers: list[int], content: dict[str, Any], named: Path
) -> Recorded:
    count = max(numbers) + 1
    try:
        rate = float(content.get("fps") or FRAME_RATE)
        times = np.asarray(content.get("frameTimestamps") or np.arange(count) / rate, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{named}: fps or frameTimestamps are no numbers ({error})") from error
    if len(times) < count:
        raise InputError(f"{named}: {len(times)} times for {count} frames; export it again")
    return Recorded(
        kind="record3d",
        path=path,
        timestamps=times[numbers],
        source=source,
        cameras=_cameras(content, numbers, named),
        poses=_poses(content, numbers, named),
        poses_path=named,
        poses_by="ARKit",
        camera_kind="lidar",
    )


def _cameras(content: dict[str, Any], numbers: list[int], named: Path) -> list[Camera]:
    """One a frame, where the file tells them so; else K for all."""
    try:
        size = int(content["w"]), int(content["h"])
        K = np.array(content["K"], np.float64).reshape(3, 3).T
        rows = np.array(content.get("perFrameIntrinsicCoeffs") or [], np.float64).reshape(-1, 4)
        if len(rows) <= max(numbers):
            rows = np.repeat([[K[0, 0], K[1, 1], K[0, 2], K[1, 2]]], max(numbers) + 1, axis=0)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{named}: expected w, h and nine numbers K ({error})") from error
    return [
        Camera(pinhole((float(fx), float(fy), float(cx), float(cy)), size, named))
        for fx, fy, cx, cy in rows[numbers]
    ]


def _poses(content: dict[str, Any], numbers: list[int], named: Path) -> np.ndarray | None:
    """float64 (N, 4, 4), OpenCV axes; NaN where the file holds none."""
    if not content.get("poses"):
        return None
    poses = np.full((max(numbers) + 1, 4, 4), np.nan)
    try:
        rows = np.array(content["poses"], np.float64).reshape(-1, 7)[: len(poses)]
    except (TypeError, ValueError) as error:
        raise InputError(f"{named}: expected poses of seven numbers ({error})") from error
    known = np.isfinite(rows).all(axis=1) & rows[:, :4].any(axis=1)
    if known.any():
        poses[: len(rows)][known] = pose_from_quaternion_xyzw(rows[known, :4], rows[known, 4:])
    return poses[numbers] @ OPENCV_FROM_OPENGL

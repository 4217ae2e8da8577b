"""Polycam's raw data: keyframes/{images,depth,cameras,confidence}, and what it corrected.

corrected_images and corrected_cameras, undistorted and with the poses of its own adjustment, go
before images and cameras. A camera's file is JSON: fx, fy, cx, cy, width, height, and t_00 to t_23,
T_world_camera row by row with OpenGL's axes. Depth: 16-bit PNG in millimetres; confidence: 8 bits,
0 = low. Format: github.com/PolyCam/polyform.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.sequences.captures.capture import (
    FRAME_RATE,
    CaptureSequence,
    Recorded,
    open_capture,
)
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.captures.opengl import OPENCV_FROM_OPENGL
from mapper.io.sequences.image_files import list_images
from mapper.io.text_files import read_text

_CAMERA: Final = ("fx", "fy", "cx", "cy")
_POSE: Final = tuple(f"t_{row}{column}" for row in range(3) for column in range(4))


def is_polycam(path: Path) -> bool:
    """Whether a folder, or its keyframes, holds images and cameras of Polycam."""
    folder = _keyframes(path)
    return any(
        (folder / f"{kind}images").is_dir() and (folder / f"{kind}cameras").is_dir()
        for kind in ("corrected_", "")
    )


def open_polycam(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """The keyframes; those of another image size than the first, or without depth, are left out."""
    path = path.resolve()
    folder = _keyframes(path)
    corrected = (folder / "corrected_images").is_dir() and (folder / "corrected_cameras").is_dir()
    kind = "corrected_" if corrected else ""
    images = list_images(folder / f"{kind}images")
    if not images:
        raise InputError(f"{folder / f'{kind}images'}: no images; export the raw data again")
    has_depth = (folder / "depth").is_dir()
    kept = [p for p in images if not has_depth or _depth_path(folder, p).is_file()]
    if not kept:
        raise InputError(f"{folder / 'depth'}: no depth of {images[0].name}; export it again")
    files = [folder / f"{kind}cameras" / f"{image.stem}.json" for image in kept]
    read = [_read(file) for file in files]
    cameras = [camera for camera, _ in read]
    depth = tuple(_depth_path(folder, image) for image in kept) if has_depth else ()
    confidence = tuple(folder / "confidence" / p.name for p in depth)
    trusted = confidence if all(p.is_file() for p in confidence) else ()
    left_out = len(images) - len(kept)
    sizes = {(camera.intrinsics.width, camera.intrinsics.height) for camera in cameras}
    if len(sizes) > 1:
        raise InputError(f"{folder}: images of {len(sizes)} sizes; map those of one size alone")
    found = Recorded(
        kind="polycam",
        path=path,
        timestamps=np.arange(len(kept)) / FRAME_RATE,
        source=StoredFrames(tuple(kept), depth, confidence_paths=trusted),
        cameras=cameras,
        poses=np.array([pose for _, pose in read]) @ OPENCV_FROM_OPENGL,
        poses_path=folder / f"{kind}cameras",
        poses_by="Polycam" if corrected else "ARKit",
        camera_kind="lidar",
        notes=(f"{left_out} images have no depth: left out",) if left_out else (),
    )
    return open_capture(found, path.name, calibration, registration)


def _keyframes(path: Path) -> Path:
    nested = path / "keyframes"
    return nested if nested.is_dir() else path


def _depth_path(folder: Path, image: Path) -> Path:
    return folder / "depth" / f"{image.stem}.png"


def _read(file: Path) -> tuple[Camera, np.ndarray]:
    """The camera, and the pose (4, 4) with OpenGL's axes."""
    try:
        content: dict[str, Any] = json.loads(read_text(file))
        fx, fy, cx, cy = (float(content[key]) for key in _CAMERA)
        size = int(content["width"]), int(content["height"])
        pose = np.array([float(content[key]) for key in _POSE]).reshape(3, 4)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{file}: expected {', '.join(_CAMERA)}, width, height and t_00 to t_23 ({error}); "
            "export the raw data again"
        ) from error
    return Camera(pinhole((fx, fy, cx, cy), size, file)), np.vstack([pose, [0, 0, 0, 1.0]])

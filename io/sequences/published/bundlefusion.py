"""BundleFusion's sequences, and others in its layout (3RScan, 12-Scenes): info.txt with frames.

    info.txt or _info.txt                      `m_calibrationColorIntrinsic = 16 numbers` and others
    frame-000000.color.jpg, frame-000000.depth.png, frame-000000.pose.txt

Colour and depth have cameras of their own in one place, by their extrinsics; frames are in the view
of depth. Depth: 16 bit, m_depthShift units a metre (1000). Poses: T_world_camera by BundleFusion
itself: no truth, but what others are compared with, as ScanNet's are. 30 frames a second.
Source: graphics.stanford.edu/projects/bundlefusion.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera, pinhole
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import natural_order
from mapper.io.sequences.truth_files import Truth, optional_truth, read_matrices
from mapper.io.text_files import read_text

FRAME_RATE = 30.0  # 1/s; the files carry no time
DEPTH_SCALE = 1000.0  # units per metre, where info.txt tells none
_NAMES: Final = ("info.txt", "_info.txt")


def is_bundlefusion(path: Path) -> bool:
    """Whether a folder holds info.txt of cameras and frames."""
    info = _info(path)
    if info is None or next(path.glob("frame-*.color.*"), None) is None:
        return False
    try:
        return "m_calibrationColorIntrinsic" in read_text(info)
    except InputError:
        return False


def open_bundlefusion(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """All frames with depth, in depth's view by default."""
    path = path.resolve()
    info = _info(path)
    assert info is not None
    told, scale = _read(info)
    cameras = find_calibration(calibration, (path,)) or told
    images = natural_order(path.glob("frame-*.color.*"))
    depths = [_beside(image, "depth.png") for image in images]
    kept = [i for i, depth in enumerate(depths) if depth.is_file()]
    if not kept:
        raise InputError(f"{depths[0]} is missing; is the download complete?")
    timestamps = np.array(kept) / FRAME_RATE
    images = [images[i] for i in kept]
    rig = Rig(cameras, registration, (0, 0), default="color_to_depth")
    truth, notes = optional_truth(lambda: _truth(images, timestamps, rig))
    return FileSequence(
        kind="bundlefusion",
        name=path.name,
        path=path,
        timestamps=timestamps,
        color_paths=tuple(images),
        depth_paths=tuple(depths[i] for i in kept),
        depth_scale=cameras.depth_scale or scale,
        rig=rig,
        ground_truth=truth,
        notes=notes,
        camera_kind="structured-light",
    )


def _info(path: Path) -> Path | None:
    return next((path / name for name in _NAMES if (path / name).is_file()), None)


def _beside(image: Path, ending: str) -> Path:
    return image.with_name(f"{image.name.split('.')[0]}.{ending}")


def _read(info: Path) -> tuple[Calibration, float]:
    """The cameras, and units of depth per metre."""
    lines = (line.partition("=") for line in read_text(info).splitlines())
    values = {key.strip(): value.split() for key, _, value in lines}
    try:
        scale = float((values.get("m_depthShift") or [str(DEPTH_SCALE)])[0])
        color, T_world_color = _camera(values, "Color", "color", info)
        depth, T_world_depth = _camera(values, "Depth", "depth", info)
    except (KeyError, ValueError, IndexError, OverflowError, np.linalg.LinAlgError) as error:
        raise InputError(
            f"{info}: expected m_colorWidth, m_colorHeight, m_calibrationColorIntrinsic and the "
            f"same of depth ({error}); copy the file again"
        ) from error
    T_color_depth = inverse(T_world_color) @ T_world_depth
    if color == depth and np.allclose(T_color_depth, np.eye(4)):
        return Calibration(color), scale
    return Calibration(color, depth, T_color_depth), scale


def _camera(
    values: dict[str, list[str]], kind: str, size: str, info: Path
) -> tuple[Camera, np.ndarray]:
    """A camera, and its extrinsics (4, 4); the identity where they are not told."""
    K = _matrix(values[f"m_calibration{kind}Intrinsic"])
    extrinsic = values.get(f"m_calibration{kind}Extrinsic")
    width, height = int(values[f"m_{size}Width"][0]), int(values[f"m_{size}Height"][0])
    numbers = (float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    T = np.eye(4) if extrinsic is None else _matrix(extrinsic)
    return Camera(pinhole(numbers, (width, height), info)), T


def _matrix(words: list[str]) -> np.ndarray:
    return np.array(words, np.float64).reshape(4, 4)


def _truth(images: list[Path], timestamps: np.ndarray, rig: Rig) -> Truth:
    """Poses of the frames' camera, of the frames that have one."""
    kept, poses = [], []
    for timestamp, image in zip(timestamps, images, strict=True):
        path = _beside(image, "pose.txt")
        pose = read_matrices(path, 1)[0] if path.is_file() else np.full((4, 4), np.nan)
        if np.isfinite(pose).all():
            kept.append(timestamp)
            poses.append(pose)
    if not poses:
        return None, ()
    return Trajectory(np.array(kept), rig.frame_poses(np.array(poses))), ()

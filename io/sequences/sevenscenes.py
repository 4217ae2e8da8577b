"""7-Scenes (Microsoft): a Kinect's colour and depth, not registered, with depth-camera poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.truth_files import optional_truth, read_matrices

FRAME_RATE = 30.0  # 1/s; the files carry no time
DEPTH_SCALE = 1000.0  # units per metre

# The dataset publishes the depth camera only. Colour and T_color_depth were found by
# tools/calibrate_sevenscenes.py --step 12 --spans 1 2 on redkitchen/seq-01.
DEPTH_CAMERA = Intrinsics(585.0, 585.0, 320.0, 240.0, 640, 480)
COLOR_CAMERA = Intrinsics(526.5, 526.5, 320.0, 240.0, 640, 480)
T_COLOR_DEPTH = np.array(
    [
        [0.9999777, -0.0063844, 0.0019386, -0.0276684],
        [0.0064005, 0.9999444, -0.0083792, 0.0075824],
        [-0.0018850, 0.0083914, 0.9999630, 0.0034428],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
T_COLOR_DEPTH.setflags(write=False)


PUBLISHED = (
    "the cameras of the dataset 7-Scenes are used; if these frames are of another camera, give its "
    "calibration with --calib"
)


def is_sevenscenes(path: Path) -> bool:
    """Whether a folder is a 7-Scenes sequence, or a scene with seq-XX folders."""
    return _holds_frames(path) or any(_holds_frames(folder) for folder in _sequences(path))


def sevenscenes_name(path: Path) -> str:
    """Scene and sequence, like redkitchen/seq-01."""
    path = _choose(path)
    return f"{path.parent.name}/{path.name}"


def open_sevenscenes(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """A seq-XX folder, or a scene that has exactly one. Colour is warped to depth by default."""
    path = _choose(path)
    color_paths = sorted(path.glob("frame-*.color.png")) + sorted(path.glob("frame-*.color.jpg"))
    color_paths.sort(key=lambda p: p.name)
    depth_paths = [p.with_name(f"{_stem(p)}.depth.png") for p in color_paths]
    if not depth_paths[0].exists():
        raise InputError(f"{depth_paths[0]} is missing; a 7-Scenes folder holds depth images")
    given = find_calibration(calibration, (path, path.parent))
    cameras = given or Calibration(Camera(COLOR_CAMERA), Camera(DEPTH_CAMERA), T_COLOR_DEPTH)
    rig = Rig(cameras, registration, (640, 480), default="color_to_depth")
    timestamps = np.arange(len(color_paths)) / FRAME_RATE
    truth, notes = optional_truth(lambda: (_ground_truth(color_paths, timestamps, rig), ()))
    return FileSequence(
        kind="7scenes",
        name=sevenscenes_name(path),
        path=path,
        timestamps=timestamps,
        color_paths=tuple(color_paths),
        depth_paths=tuple(depth_paths),
        depth_scale=cameras.depth_scale or DEPTH_SCALE,
        rig=rig,
        ground_truth=truth,
        notes=notes if given else (PUBLISHED, *notes),
        camera_kind=None if given else "structured-light",
    )


def _holds_frames(path: Path) -> bool:
    return any(next(path.glob(f"frame-*.color.{ending}"), None) for ending in ("png", "jpg"))


def _sequences(path: Path) -> list[Path]:
    return sorted(folder for folder in path.glob("seq-*") if folder.is_dir())


def _choose(path: Path) -> Path:
    path = path.resolve()
    if _holds_frames(path):
        return path
    sequences = _sequences(path)
    if len(sequences) == 1:
        return sequences[0]
    choices = ", ".join(folder.name for folder in sequences) or "none found"
    raise InputError(f"{path}: open one of the sequences in this scene: {choices}")


def _stem(color_path: Path) -> str:
    return color_path.name.split(".")[0]


def _ground_truth(color_paths: list[Path], timestamps: np.ndarray, rig: Rig) -> Trajectory | None:
    """Poses of the frames' camera, without frames that have no pose file or a lost pose."""
    kept, poses = [], []
    for timestamp, color_path in zip(timestamps, color_paths, strict=True):
        path = color_path.with_name(f"{_stem(color_path)}.pose.txt")
        if not path.exists():
            continue
        T_world_depth = read_matrices(path, 1)[0]
        if np.isfinite(T_world_depth).all():
            kept.append(timestamp)
            poses.append(T_world_depth)
    if not poses:
        return None
    return Trajectory(np.array(kept), rig.frame_poses(np.array(poses)))

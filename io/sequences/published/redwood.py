"""Redwood's scans: colour and depth by a PrimeSense camera, a trajectory in a .log beside them.

    0001/rgb/0000001-000000000000.jpg, depth/0000001-000000033362.png     names with microseconds
    lounge/color/000001.jpg, depth/000001.png, lounge_trajectory.log
    livingroom1/color/00000.jpg, depth/00000.png, livingroom1-traj.txt    (augmented ICL-NUIM)

The folders of the second and third kind may be named NAME-color, NAME-depth-clean and the like.
Depth: 16 bit, 1000 units a metre, registered. Camera: f = 525, c = (319.5, 239.5). A .log has five
lines a pose: three whole numbers, the last of them one more than the number of the frame, and
T_world_camera, OpenCV axes, by the authors' reconstruction. 30 frames a second.
Source: redwood-data.org: Choi et al., arXiv 1602.02481; Choi, Zhou, Koltun, CVPR 2015.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import list_images
from mapper.io.sequences.pairing import pair_files, pair_times, pairing_notes
from mapper.io.sequences.truth_files import Truth, optional_truth, rigid_poses
from mapper.io.text_files import read_text

FRAME_RATE = 30.0  # 1/s, where the names tell no time
DEPTH_SCALE = 1000.0  # units per metre
CAMERA = Intrinsics(525.0, 525.0, 319.5, 239.5, 640, 480)
_STAMPED: Final = re.compile(r"\d{7}-\d{12}")
_COLOR: Final = ("rgb", "color", "image", "*-color", "*_color")
_DEPTH: Final = ("depth", "*-depth*", "*_depth*")
_LINES: Final = 5  # of a pose in a .log


def is_redwood(path: Path) -> bool:
    """Whether a folder holds stamped images, or colour and depth with a trajectory beside them."""
    color, depth = _folder(path, _COLOR), _folder(path, _DEPTH)
    if color is None or depth is None:
        return False
    return _is_stamped(color) or _log(path) is not None


def open_redwood(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """Frames by the times in their names, else by their numbers."""
    path = path.resolve()
    color_folder, depth_folder = _folder(path, _COLOR), _folder(path, _DEPTH)
    assert color_folder is not None and depth_folder is not None
    images, depths = list_images(color_folder), list_images(depth_folder)
    if not images or not depths:
        raise InputError(f"{path}: colour or depth holds no images; is the download complete?")
    if _is_stamped(color_folder):
        times = _times(images)
        pairs = pair_times(times, _times(depths))
    else:
        times = np.arange(len(images)) / FRAME_RATE
        pairs = pair_files(images, depths)
    if len(pairs.color) == 0:
        raise InputError(f"{path}: no colour and depth of one time; is the download complete?")
    cameras = find_calibration(calibration, (path,)) or Calibration(Camera(CAMERA))
    log = _log(path)
    truth, notes = optional_truth(lambda: _truth(log, times))
    return FileSequence(
        kind="redwood",
        name=path.name,
        path=path,
        timestamps=times[pairs.color],
        color_paths=tuple(images[i] for i in pairs.color),
        depth_paths=tuple(depths[j] for j in pairs.depth),
        depth_scale=cameras.depth_scale or DEPTH_SCALE,
        rig=Rig(cameras, registration, (0, 0)),
        ground_truth=truth,
        lonely_times=times[pairs.lonely_color],
        notes=(*pairing_notes(pairs), *notes),
        camera_kind="structured-light",
    )


def _folder(path: Path, patterns: tuple[str, ...]) -> Path | None:
    for pattern in patterns:
        found = sorted(p for p in path.glob(pattern) if p.is_dir())
        if found:
            return found[0]
    return None


def _is_stamped(folder: Path) -> bool:
    return any(_STAMPED.fullmatch(p.stem) for p in folder.iterdir())


def _times(paths: list[Path]) -> np.ndarray:
    """Seconds (N,) of the microseconds in stamped names."""
    wrong = next((p for p in paths if not _STAMPED.fullmatch(p.stem)), None)
    if wrong is not None:
        raise InputError(f"{wrong}: expected a name like 0000001-000000033362; remove the file")
    return np.array([int(p.stem.partition("-")[2]) for p in paths]) * 1e-6


def _log(path: Path) -> Path | None:
    """The one trajectory in the folder, or of its name above it."""
    name = path.resolve().name
    own = sorted(p for pattern in ("*.log", "*-traj.txt", "*_traj.txt") for p in path.glob(pattern))
    above = [path.resolve().parent / f"{name}{end}" for end in (".log", "_trajectory.log")]
    return next((p for p in (*own, *above) if _is_log(p)), None)


def _is_log(path: Path) -> bool:
    """Whether a file begins as a trajectory does: other programs write logs too."""
    if not path.is_file():
        return False
    try:
        head = path.read_bytes()[:200].decode().split("\n")[:2]
    except (OSError, UnicodeDecodeError):
        return False
    words = [line.split() for line in head]
    return [len(row) for row in words] == [3, 4] and all(word.isdigit() for word in words[0])


def _truth(log: Path | None, times: np.ndarray) -> Truth:
    """None without a file. times: (N,) of all colour images, in the order of their numbers."""
    if log is None:
        return None, ()
    lines = [line.split() for line in read_text(log).splitlines() if line.split()]
    try:
        heads = np.array(lines[::_LINES], np.int64)
        rows = [row for i, row in enumerate(lines) if i % _LINES]
        poses = np.array(rows, np.float64).reshape(len(heads), 4, 4)
    except ValueError as error:
        raise InputError(f"{log}: expected five lines a pose ({error})") from error
    frames = heads[:, 2] - 1
    known = (frames >= 0) & (frames < len(times))
    frames, first = np.unique(frames[known], return_index=True)
    if not len(frames):
        raise InputError(f"{log}: none of its poses is of one of the {len(times)} images")
    return Trajectory(times[frames], rigid_poses(poses[known][first], log)), ()

"""TUM RGB-D: rgb.txt and depth.txt list images by time, groundtruth.txt the poses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, Camera, find_calibration
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.decode import first_size
from mapper.io.sequences.file_sequence import FileSequence, check_increasing

ASSOCIATION_TOLERANCE = 0.02  # seconds between a colour image and its depth
DEPTH_SCALE = 5000.0  # units per metre

# As published with the dataset, by the camera's number in the folder's name.
_CAMERAS = {
    "1": Camera(
        Intrinsics(517.306408, 516.469215, 318.643040, 255.313989, 640, 480),
        (0.262383, -0.953104, -0.005358, 0.002628, 1.163314),
    ),
    "2": Camera(
        Intrinsics(520.908620, 521.007327, 325.141442, 249.701764, 640, 480),
        (0.231222, -0.784899, -0.003257, -0.000105, 0.917205),
    ),
    "3": Camera(Intrinsics(535.4, 539.2, 320.1, 247.6, 640, 480)),
}


def is_tum(path: Path) -> bool:
    """Whether a folder has TUM's list of colour images."""
    return (path / "rgb.txt").is_file()


def open_tum(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """A TUM folder. Colour images without depth within the tolerance are left out."""
    path = path.resolve()
    timestamps, color_paths = _read_list(path / "rgb.txt")
    depth_paths: list[Path] = []
    if (path / "depth.txt").is_file():
        depth_times, all_depth = _read_list(path / "depth.txt")
        pairs = associate(timestamps, depth_times, ASSOCIATION_TOLERANCE)
        if len(pairs) == 0:
            raise InputError(
                f"{path}: no colour and depth images within {ASSOCIATION_TOLERANCE} s of one "
                "another; compare the times in rgb.txt and depth.txt"
            )
        timestamps = timestamps[pairs[:, 0]]
        color_paths = [color_paths[i] for i in pairs[:, 0]]
        depth_paths = [all_depth[j] for j in pairs[:, 1]]
    cameras = find_calibration(calibration, (path,)) or published_calibration(path.name)
    if cameras is None and depth_paths:
        raise InputError(
            f"{path}: the camera is unknown (no freiburg1, 2 or 3 in the name); "
            "give a calibration file with --calib"
        )
    size = first_size(color_paths) if cameras is None else (0, 0)
    return FileSequence(
        kind="tum",
        name=path.name,
        path=path,
        timestamps=timestamps,
        color_paths=tuple(color_paths),
        depth_paths=tuple(depth_paths),
        depth_scale=(cameras and cameras.depth_scale) or DEPTH_SCALE,
        rig=Rig(cameras, registration if depth_paths else "none", size),
        ground_truth=_read_ground_truth(path / "groundtruth.txt"),
    )


def associate(times_a: np.ndarray, times_b: np.ndarray, tolerance: float) -> np.ndarray:
    """int (M, 2): one-to-one pairs of increasing times (N,), (K,) at most `tolerance` apart.

    The closest pair is taken first, then the closest of the rest, and so on; sorted by time.
    """
    first = np.searchsorted(times_b, times_a - tolerance, "left")
    behind = np.searchsorted(times_b, times_a + tolerance, "right")
    rows = np.repeat(np.arange(len(times_a)), behind - first)
    columns = [np.arange(*bounds) for bounds in zip(first, behind, strict=True)]
    candidates = np.column_stack([rows, np.concatenate(columns or [np.empty(0, int)])])
    gaps = np.abs(times_a[candidates[:, 0]] - times_b[candidates[:, 1]])
    used_a, used_b, pairs = set(), set(), []
    for i, j in candidates[np.argsort(gaps, kind="stable")].tolist():
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    return np.array(sorted(pairs), int).reshape(-1, 2)


def published_calibration(name: str) -> Calibration | None:
    """The cameras of freiburg1, 2 or 3, by the name of a sequence; None for any other name."""
    found = re.search(r"(?:freiburg|fr)([123])(?!\d)", name)
    return Calibration(_CAMERAS[found[1]]) if found else None


def _read_list(path: Path) -> tuple[np.ndarray, list[Path]]:
    """Times float64 (N,) and image paths of a list file."""
    times, images = [], []
    for number, words in _lines(path):
        try:
            times.append(float(words[0]))
            images.append(path.parent / words[1])
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}:{number}: expected `timestamp filename`") from error
    if not times:
        raise InputError(f"{path}: no images listed; the sequence is empty")
    timestamps = np.array(times)
    check_increasing(timestamps, path)
    return timestamps, images


def _read_ground_truth(path: Path) -> Trajectory | None:
    """Every pose of the file; of several with one timestamp the first."""
    if not path.is_file():
        return None
    rows = []
    for number, words in _lines(path):
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != 8 or not np.isfinite(row).all() or not np.any(row[4:]):
            raise InputError(f"{path}:{number}: expected `timestamp tx ty tz qx qy qz qw`")
        rows.append(row)
    if not rows:
        return None
    table = np.array(rows)
    table = table[np.concatenate([[True], np.diff(table[:, 0]) != 0])]
    check_increasing(table[:, 0], path)
    return Trajectory(table[:, 0], pose_from_quaternion_xyzw(table[:, 4:], table[:, 1:4]))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers and words of a text file, without comments and empty lines."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    words = [(number, line.replace(",", " ").split()) for number, line in enumerate(lines, 1)]
    return [(number, w) for number, w in words if w and not w[0].startswith("#")]

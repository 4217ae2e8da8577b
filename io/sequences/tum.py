"""TUM RGB-D: lists of colour and depth images by time, groundtruth.txt with the poses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration, find_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import DEPTH_SUFFIXES, first_size, list_images
from mapper.io.sequences.pairing import (
    ASSOCIATION_TOLERANCE,
    Pairs,
    pair_files,
    pair_times,
    pairing_notes,
    times_in_names,
)
from mapper.io.sequences.truth_files import Truth, optional_truth, read_truth
from mapper.io.sequences.tum_lists import ImageList, read_associations, read_image_list

ASSOCIATIONS: Final = ("associations.txt", "associate.txt", "association.txt", "assoc.txt")
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


@dataclass(frozen=True, slots=True)
class _Images:
    """times: float64 (N,), seconds. color: N files; depth: N files, or none.

    lonely_times: of colour images without depth, which are left out.
    """

    times: np.ndarray
    color: list[Path]
    depth: list[Path]
    lonely_times: np.ndarray
    notes: tuple[str, ...]


def is_tum(path: Path) -> bool:
    """Whether a folder has TUM's list of colour images, or a list of associations."""
    return (path / "rgb.txt").is_file() or _associations(path) is not None


def open_tum(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """A TUM folder. Colour images without depth within the tolerance are left out, and counted."""
    path = path.resolve()
    images = _find_images(path)
    published = published_calibration(path.name)
    cameras = find_calibration(calibration, (path,)) or published
    if cameras is None and images.depth:
        raise InputError(
            f"{path}: the camera is unknown (no freiburg1, 2 or 3 in the name); "
            "give a calibration file with --calib"
        )
    size = first_size(images.color) if cameras is None else (0, 0)
    truth, truth_notes = optional_truth(lambda: _truth(path / "groundtruth.txt"))
    return FileSequence(
        kind="tum",
        name=path.name,
        path=path,
        timestamps=images.times,
        color_paths=tuple(images.color),
        depth_paths=tuple(images.depth),
        depth_scale=(cameras and cameras.depth_scale) or DEPTH_SCALE,
        rig=Rig(cameras, registration if images.depth else "none", size),
        ground_truth=truth,
        lonely_times=images.lonely_times,
        notes=images.notes + truth_notes,
        camera_kind="structured-light" if published else None,
    )


def published_calibration(name: str) -> Calibration | None:
    """The cameras of freiburg1, 2 or 3, by the name of a sequence; None for any other name."""
    found = re.search(r"(?:freiburg|fr)([123])(?!\d)", name)
    return Calibration(_CAMERAS[found[1]]) if found else None


def _find_images(path: Path) -> _Images:
    """By rgb.txt and depth.txt; else by associations; else rgb.txt with the depth folder."""
    rgb, associations = path / "rgb.txt", _associations(path)
    has_lists = rgb.is_file() and (path / "depth.txt").is_file()
    if associations is not None and not has_lists:
        colors, depth = read_associations(associations)
        return _Images(colors.timestamps, colors.paths, depth, np.empty(0), colors.notes)
    colors = read_image_list(rgb)
    if has_lists:
        depths = read_image_list(path / "depth.txt")
        pairs = pair_times(colors.timestamps, depths.timestamps)
        if len(pairs.color) == 0:
            raise InputError(
                f"{path}: no colour and depth images within {ASSOCIATION_TOLERANCE} s of one "
                "another; compare the times in rgb.txt and depth.txt"
            )
        return _paired(colors, depths.paths, pairs, depths.notes)
    folder = path / "depth"
    depth_paths = list_images(folder, DEPTH_SUFFIXES) if folder.is_dir() else []
    if not depth_paths:
        return _Images(colors.timestamps, colors.paths, [], np.empty(0), colors.notes)
    note = "depth.txt is missing: depth images are matched by the names of their files"
    return _paired(colors, *_by_names(colors, depth_paths), (note,))


def _by_names(colors: ImageList, depth_paths: list[Path]) -> tuple[list[Path], Pairs]:
    """The depth images in a fitting order, and which belongs to which colour image."""
    times = times_in_names(depth_paths)
    if times is not None:
        times, first = np.unique(times, return_index=True)
        pairs = pair_times(colors.timestamps, times)
        if len(pairs.color):
            return [depth_paths[i] for i in first], pairs
    try:
        return depth_paths, pair_files(colors.paths, depth_paths)
    except InputError as error:
        raise InputError(
            f"{depth_paths[0].parent.parent}: depth.txt is missing, and the names in depth/ tell "
            "no times; write the list, or remove the folder to map colour alone"
        ) from error


def _paired(
    colors: ImageList, depth_paths: list[Path], pairs: Pairs, notes: tuple[str, ...]
) -> _Images:
    return _Images(
        colors.timestamps[pairs.color],
        [colors.paths[i] for i in pairs.color],
        [depth_paths[j] for j in pairs.depth],
        colors.timestamps[pairs.lonely_color],
        colors.notes + notes + pairing_notes(pairs),
    )


def _associations(path: Path) -> Path | None:
    return next((path / name for name in ASSOCIATIONS if (path / name).is_file()), None)


def _truth(path: Path) -> Truth:
    """None without a file."""
    return read_truth(path) if path.is_file() else (None, ())

"""A folder of images in the order of their names, with a depth folder beside them if any."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.calibration import find_calibration
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.decode import DEPTH_SUFFIXES, first_size, list_images
from mapper.io.sequences.file_sequence import FileSequence

FRAME_RATE = 30.0  # 1/s; the files carry no time
DEPTH_SCALE = 1000.0  # units per metre, where the calibration says nothing

_COLOR_FOLDERS = ("rgb", "color", "images")
_DEPTH_FOLDER = "depth"


def is_image_folder(path: Path) -> bool:
    """Whether a folder, or its rgb, color or images folder, holds images."""
    return _color_folder(path) is not None


def open_image_folder(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """Images in `path` (depth in path/../depth or path/depth), or path/{rgb,color,images}."""
    path = path.resolve()
    folder = _color_folder(path)
    if folder is None:
        raise InputError(f"{path}: no images here or in {', '.join(_COLOR_FOLDERS)}")
    color_paths = list_images(folder)
    depth_paths = _depth_paths(path, folder, len(color_paths))
    cameras = find_calibration(calibration, dict.fromkeys((path, folder, folder.parent)))
    size = first_size(color_paths) if cameras is None else (0, 0)
    if not depth_paths and registration in ("color_to_depth", "depth_to_color"):
        raise InputError(f"{path}: registration `{registration}` needs a folder `depth`")
    return FileSequence(
        kind="images",
        name=path.name,
        path=path,
        timestamps=np.arange(len(color_paths)) / FRAME_RATE,
        color_paths=tuple(color_paths),
        depth_paths=tuple(depth_paths),
        depth_scale=(cameras and cameras.depth_scale) or DEPTH_SCALE,
        rig=Rig(cameras, registration if depth_paths else "none", size),
    )


def _color_folder(path: Path) -> Path | None:
    for folder in (path, *(path / name for name in _COLOR_FOLDERS)):
        if folder.is_dir() and list_images(folder):
            return folder
    return None


def _depth_paths(path: Path, folder: Path, count: int) -> list[Path]:
    places = dict.fromkeys((path / _DEPTH_FOLDER, folder.parent / _DEPTH_FOLDER))
    for place in places:
        if place.is_dir() and place != folder:
            paths = list_images(place, DEPTH_SUFFIXES)
            if len(paths) != count:
                raise InputError(
                    f"{place}: {len(paths)} depth images for {count} images in {folder.name}; "
                    "they are matched by order and must be equal in number"
                )
            return paths
    return []

"""A folder of images in the order of their names, with depth images beside them if any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.calibration import find_calibration
from mapper.io.cameras.rig import Rig
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import (
    DEPTH_SUFFIXES,
    IMAGE_SUFFIXES,
    LOOKED_AT,
    first_size,
    focal_share,
    foreign_images,
    header_of,
    list_images,
    spread,
)
from mapper.io.sequences.pairing import Pairs, is_named_depth, pair_files, pairing_notes

FRAME_RATE: Final = 30.0  # 1/s; the files carry no time
DEPTH_SCALE: Final = 1000.0  # units per metre, where the calibration says nothing

_COLOR_FOLDERS: Final = ("rgb", "color", "colour", "images", "image")
_DEPTH_FOLDERS: Final = ("depth", "depths")
PNG_BYTES: Final = 64  # hold the header of any
ARKIT_SIZE: Final = (256, 192)  # of depth as ARKit gives it: Record3D, Stray Scanner and others

_DEPTH_ALONE: Final = DEPTH_SUFFIXES - IMAGE_SUFFIXES  # of files that hold no colour


@dataclass(frozen=True, slots=True)
class _Files:
    """The colour images of a folder, and its depth images, from there or from beside it."""

    folder: Path
    color: list[Path]
    depth: list[Path]


def is_image_folder(path: Path) -> bool:
    """Whether a folder, or its rgb, color or images folder, holds images, if only such as cannot
    be read: then opening it tells the remedy."""
    return _find(path) is not None or _only_foreign(path) is not None


def open_image_folder(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> FileSequence:
    """Images in `path` or path/{rgb,color,images}; depth among them, in depth/ or beside it."""
    path = path.resolve()
    files = _find(path)
    if files is None:
        raise InputError(
            _only_foreign(path) or f"{path}: no images here or in {', '.join(_COLOR_FOLDERS)}"
        )
    cameras = find_calibration(
        calibration, dict.fromkeys((path, files.folder, files.folder.parent))
    )
    if not files.depth and registration in ("color_to_depth", "depth_to_color"):
        raise InputError(f"{path}: registration `{registration}` needs a folder `depth`")
    pairs = pair_files(files.color, files.depth) if files.depth else None
    color, depth = _paired(files, pairs)
    times = np.arange(len(files.color)) / FRAME_RATE
    size = first_size(color, as_stored=bool(depth)) if cameras is None else (0, 0)
    focal, exif_notes = focal_share(color) if cameras is None else (None, ())
    notes = [foreign_images(files.folder), *(pairing_notes(pairs) if pairs else ()), *exif_notes]
    return FileSequence(
        kind="images",
        name=path.name,
        path=path,
        timestamps=times if pairs is None else times[pairs.color],
        color_paths=tuple(color),
        depth_paths=tuple(depth),
        depth_scale=(cameras and cameras.depth_scale) or DEPTH_SCALE,
        rig=Rig(cameras, registration if depth else "none", size),
        lonely_times=np.empty(0) if pairs is None else times[pairs.lonely_color],
        notes=tuple(note for note in notes if note),
        camera_kind="lidar" if depth and _is_arkit(depth[0]) else None,
        exif_focal=focal,
    )


def _find(path: Path) -> _Files | None:
    """The first of the places that holds colour images."""
    for folder in (path, *(path / name for name in _COLOR_FOLDERS)):
        if folder.is_dir():
            color, depth = _told_apart(list_images(folder, IMAGE_SUFFIXES | DEPTH_SUFFIXES))
            if color:
                return _Files(folder, color, depth or _beside(path, folder))
    return None


def _told_apart(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Colour and depth images of one folder: by name, by kind of file, else by their pixels."""
    depth = {p for p in paths if p.suffix.lower() in _DEPTH_ALONE or is_named_depth(Path(p.name))}
    if not depth and any(map(_is_deep_grey, spread(paths, LOOKED_AT))):
        deep = {p for p in paths if _is_deep_grey(p)}
        depth = deep if len(deep) < len(paths) else set()
    if len(depth) == len(paths):
        depth = {p for p in paths if p.suffix.lower() in _DEPTH_ALONE}  # a folder `my_depth_set`
    return [p for p in paths if p not in depth], [p for p in paths if p in depth]


def _is_deep_grey(path: Path) -> bool:
    """Whether a PNG has one channel of 16 bits; no camera's colour images are that."""
    if path.suffix.lower() != ".png":
        return False
    header = header_of(path, PNG_BYTES)
    return header is not None and (header.bits, header.channels) == (16, 1)


def _is_arkit(depth: Path) -> bool:
    """Whether a depth image has the size at which ARKit gives what the LiDAR saw."""
    header = header_of(depth, PNG_BYTES) if depth.suffix.lower() == ".png" else None
    return header is not None and (header.width, header.height) == ARKIT_SIZE


def _beside(path: Path, folder: Path) -> list[Path]:
    for parent in dict.fromkeys((path, folder.parent)):
        for place in (parent / name for name in _DEPTH_FOLDERS):
            if place.is_dir() and place != folder:
                if paths := list_images(place, DEPTH_SUFFIXES):
                    return paths
                raise InputError(
                    f"{place}: no depth images ({', '.join(sorted(DEPTH_SUFFIXES))}); fill the "
                    "folder, or remove it to map colour alone"
                )
    return []


def _paired(files: _Files, pairs: Pairs | None) -> tuple[list[Path], list[Path]]:
    if pairs is None:
        return files.color, []
    return [files.color[i] for i in pairs.color], [files.depth[j] for j in pairs.depth]


def _only_foreign(path: Path) -> str | None:
    for folder in (path, *(path / name for name in _COLOR_FOLDERS)):
        if folder.is_dir() and (note := foreign_images(folder)):
            return note.replace("are left out", "and no others, which cannot be read")
    return None

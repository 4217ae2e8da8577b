"""A COLMAP model with its images: FOLDER/sparse/0, FOLDER/images, perhaps FOLDER/stereo/depth_maps.

Images are mapped in the order of their names. Depth maps, where there are any, are in the unit of
the model, which is taken for a metre: true of models that mapper exports, and of those whose scale
was set.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.camera import MAX_PIXELS
from mapper.io.sequences.captures.capture import (
    FRAME_RATE,
    CaptureSequence,
    Recorded,
    open_capture,
)
from mapper.io.sequences.captures.colmap_model import ColmapModel, model_folder, read_model
from mapper.io.sequences.captures.frame_source import StoredFrames
from mapper.io.sequences.decode import read_bytes
from mapper.io.sequences.image_files import natural_order

_DEPTH_FOLDERS: Final = ("stereo/depth_maps", "depth_maps", "dense/stereo/depth_maps")
_DEPTH_ENDINGS: Final = (".geometric.bin", ".photometric.bin")  # what views agree on comes first


def is_colmap(path: Path) -> bool:
    """Whether a folder holds a model, in itself or in sparse."""
    return model_folder(path) is not None


def colmap_name(path: Path) -> str:
    """The folder of the images and the model; that of a model alone is called 0 or sparse."""
    folder = path.resolve()
    while folder.name in ("0", "sparse"):
        folder = folder.parent
    return folder.name


def open_colmap(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> CaptureSequence:
    """The images of the model's most used camera that are there; the others are counted."""
    path = path.resolve()
    folder = model_folder(path)
    assert folder is not None
    model = read_model(folder)
    images = _image_folder(path, folder, model)
    rows, notes = _chosen(model, images)
    names = [model.names[row] for row in rows]
    depth, depth_notes = _depth_maps(path, folder, names)
    found = Recorded(
        kind="colmap",
        path=path,
        timestamps=np.arange(len(rows)) / FRAME_RATE,
        source=StoredFrames(
            tuple(images / name for name in names), depth, read_depth=read_depth_map
        ),
        cameras=[model.cameras[model.camera_ids[row]] for row in rows],
        poses=model.T_world_camera[rows],
        poses_path=folder,
        poses_by="COLMAP",
        notes=(*notes, *depth_notes),
    )
    return open_capture(found, colmap_name(path), calibration, registration)


def read_depth_map(path: Path) -> np.ndarray:
    """float32 (H, W) of COLMAP's dense maps: `width&height&1&`, then float32, row by row."""
    content = read_bytes(path)
    fields = content.split(b"&", 3)
    try:
        width, height, channels = (int(number) for number in fields[:3])
        if channels != 1 or not 0 < width * height <= MAX_PIXELS:
            raise ValueError(f"{width}x{height} pixels of {channels} numbers")
        depth = np.frombuffer(fields[3], "<f4", width * height).reshape(height, width)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: no depth map of COLMAP ({error}); write it again") from error
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0.0))


def _image_folder(path: Path, folder: Path, model: ColmapModel) -> Path:
    """The first of the usual places that holds any of the model's images."""
    above = [path, folder, *folder.parents[:3]]
    places = list(dict.fromkeys(p for parent in above for p in (parent / "images", parent)))
    for place in places:
        if any((place / name).is_file() for name in model.names):
            return place
    raise InputError(
        f"{folder}: its images, like {model.names[0]}, are not in {path / 'images'} nor beside the "
        "model; put them there, or a link to them"
    )


def _chosen(model: ColmapModel, images: Path) -> tuple[list[int], list[str]]:
    """Rows of the images to map, in the order of their names, and what was left out."""
    row_of = {images / name: row for row, name in enumerate(model.names)}
    present = [p for p in natural_order(row_of) if p.is_file()]
    notes = []
    if missing := sorted(str(p) for p in row_of.keys() - set(present)):
        notes.append(f"{missing[0]} is missing, {len(missing)} of {len(row_of)} images: left out")
    sizes = Counter(_size(model, row_of[path]) for path in present)
    common = max(sizes, key=lambda size: (sizes[size], size))
    kept = [row_of[path] for path in present if _size(model, row_of[path]) == common]
    if others := len(present) - len(kept):
        notes.append(
            f"{others} images are of cameras of another size than {common[0]}x{common[1]}: left out"
        )
    return kept, notes


def _size(model: ColmapModel, row: int) -> tuple[int, int]:
    intrinsics = model.cameras[model.camera_ids[row]].intrinsics
    return intrinsics.width, intrinsics.height


def _depth_maps(
    path: Path, folder: Path, names: list[str]
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """A depth map for every image, or none, and what is to be said of them."""
    for place in dict.fromkeys(
        parent / name for parent in (path, *folder.parents[:2]) for name in _DEPTH_FOLDERS
    ):
        for ending in _DEPTH_ENDINGS:
            paths = tuple(place / f"{name}{ending}" for name in names)
            there = sum(p.is_file() for p in paths)
            if there == len(paths):
                return paths, (f"{place}: depth maps in the model's unit are taken for metres",)
            if there:
                missing = next(p for p in paths if not p.is_file())
                return (), (f"{missing} is missing: mapped without COLMAP's depth maps",)
    return (), ()

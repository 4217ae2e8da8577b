"""One photograph by itself, as a sequence of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.calibration import find_calibration
from mapper.io.cameras.rig import Rig
from mapper.io.images import heif
from mapper.io.sequences.file_sequence import FileSequence
from mapper.io.sequences.image_files import IMAGE_SUFFIXES, first_size, focal_share


def is_photograph(path: Path) -> bool:
    """Whether a path is that of an image file, by its name."""
    return path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES | heif.SUFFIXES


def open_photograph(path: Path, calibration: Path | None = None) -> FileSequence:
    """Its camera is that of the calibration file, else of calibration.yaml beside it; else nobody
    knows it, but for what EXIF tells. Raises InputError where it is no image."""
    if not path.is_file():
        raise InputError(f"{path}: no such image")
    cameras = find_calibration(calibration, (path.parent,))
    # As it is shown, for so it is read.
    size = first_size([path]) if cameras is None else (0, 0)
    focal, notes = focal_share([path]) if cameras is None else (None, ())
    return FileSequence(
        kind="photograph",
        name=path.name,
        path=path,
        timestamps=np.zeros(1),
        color_paths=(path,),
        depth_paths=(),
        depth_scale=1.0,
        rig=Rig(cameras, "none", size),
        notes=notes,
        exif_focal=focal,
    )

"""Images of two cameras in the folders left and right, with a calibration of both."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.image_files import list_images
from mapper.io.sequences.image_folder import FRAME_RATE
from mapper.io.sequences.stereo.calibration import STEREO_NAME, find_stereo
from mapper.io.sequences.stereo.pairs import pairs_by_name
from mapper.io.sequences.stereo.stereo_sequence import StereoSequence

_SIDES: Final = ("left", "right")


def is_stereo_folder(path: Path) -> bool:
    """Whether a folder holds left and right, and those hold images."""
    return all((path / side).is_dir() and list_images(path / side) for side in _SIDES)


def open_stereo_folder(
    path: Path, calibration: Path | None = None, registration: str = "auto"
) -> StereoSequence:
    """Pairs by the names of the files, 30 a second."""
    path = path.resolve()
    if registration not in ("auto", "none"):
        raise ConfigError(
            f"{path}: a stereo pair's depth is the left camera's; --registration must be auto or "
            "none"
        )
    cameras = find_stereo(calibration, (path,))
    if cameras is None:
        raise InputError(
            f"{calibration or path}: no calibration of two cameras; give one with --calib or put "
            f"{STEREO_NAME} into the folder: left, right, and T_left_right or baseline "
            "(docs/inputs.md), or name one of the two folders to map it alone"
        )
    left, right = (list_images(path / side) for side in _SIDES)
    times = np.arange(len(left)) / FRAME_RATE
    return StereoSequence("stereo", path.name, path, pairs_by_name(left, right, times), cameras)

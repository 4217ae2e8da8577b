"""Opens whatever the user names: finds out the format and reads it."""

from __future__ import annotations

from pathlib import Path

from mapper.errors import InputError
from mapper.io.sequences.image_folder import is_image_folder, open_image_folder
from mapper.io.sequences.kitti import is_kitti, open_kitti
from mapper.io.sequences.sequence import Sequence
from mapper.io.sequences.sevenscenes import is_sevenscenes, open_sevenscenes
from mapper.io.sequences.subsequence import Subsequence
from mapper.io.sequences.tum import is_tum, open_tum
from mapper.io.sequences.video import VIDEO_SUFFIXES, open_video

# (test, reader); the first whose test holds. An image folder comes last: others hold images too.
_FORMATS = (
    (is_tum, open_tum),
    (is_sevenscenes, open_sevenscenes),
    (is_kitti, open_kitti),
    (is_image_folder, open_image_folder),
)
_KNOWN = (
    "a TUM folder (rgb.txt), a 7-Scenes folder (frame-000000.color.png), a KITTI folder (image_2 "
    "or image_0), a folder of images (perhaps with depth/ beside it) or a video file"
)


def open_sequence(
    path: Path | str,
    *,
    calibration: Path | None = None,
    registration: str = "auto",
    start: int = 0,
    stride: int = 1,
    max_frames: int | None = None,
) -> Sequence:
    """The sequence at a path, its format found out; frames start, start + stride, ... of it.

    calibration: file that goes before calibration.yaml in the folder and the published values.
    registration: "auto", "color_to_depth", "depth_to_color" or "none" (see mapper.io.cameras.rig).
    Reads lists and headers, not every image. Raises InputError or ConfigError.
    """
    path = Path(path).expanduser()
    sequence = _open(path, calibration, registration)
    if (start, stride, max_frames) == (0, 1, None):
        return sequence
    try:
        return Subsequence(sequence, start, stride, max_frames)
    except Exception:
        sequence.close()
        raise


def _open(path: Path, calibration: Path | None, registration: str) -> Sequence:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    if path.is_file():
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(f"{path}: this file is no sequence; expected {_KNOWN}")
        return open_video(path, calibration, registration)
    try:
        if not any(path.iterdir()):
            raise InputError(f"{path}: the folder is empty; expected {_KNOWN}")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the folder's permissions") from error
    for recognises, reader in _FORMATS:
        if recognises(path):
            return reader(path, calibration, registration)
    raise InputError(f"{path}: no sequence found in this folder; expected {_KNOWN}")

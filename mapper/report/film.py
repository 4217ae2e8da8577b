"""Films of a map as .mp4, by OpenCV."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from mapper.errors import OutputError
from mapper.runtime.atomic_files import output_error, temporary_beside


def write_film(path: Path, pictures: Iterable[np.ndarray], size: tuple[int, int], fps: int) -> None:
    """Write pictures uint8 (height, width, 3), RGB, as MPEG-4; the film is whole or not there.

    size: width and height, which the codec wants even. Raises OutputError.
    """
    folder = temporary_beside(path.absolute())
    try:
        folder.mkdir()
        draft = folder / "film.mp4"  # OpenCV tells the container by the name
        writer = cv2.VideoWriter(str(draft), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not writer.isOpened():
            raise OutputError(f"{path}: this OpenCV writes no MPEG-4; reinstall its package")
        try:
            for picture in pictures:
                writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
        if not draft.exists() or draft.stat().st_size == 0:
            raise OutputError(f"cannot write {path}; check the disk")
        os.replace(draft, path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)

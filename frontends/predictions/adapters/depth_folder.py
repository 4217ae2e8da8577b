"""Depth alone, a file a frame: of a monocular network, which knows neither scale nor place."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece
from mapper.frontends.predictions.arrays import read_npy
from mapper.frontends.predictions.images import read_depth_image
from mapper.frontends.predictions.names import by_name

ENDINGS: Final = (".npy", ".exr", ".png", ".tif", ".tiff")


class DepthFolderSource:
    """The files in the order of their names, one a frame; each in units of its own."""

    conventions = Conventions()
    has_poses = False

    def __init__(self, folder: Path) -> None:
        self._files = _files(folder)
        if not self._files:
            raise InputError(f"{folder}: no depth files ({', '.join(ENDINGS)})")
        self.count: int | None = len(self._files)

    def pieces(self, index: int) -> list[Piece]:
        """The frame's depth."""
        if index >= len(self._files):
            return []
        path = self._files[index]
        depth = read_npy(path) if path.suffix.lower() == ".npy" else read_depth_image(path)
        if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[2]):
            depth = np.squeeze(depth, 0 if depth.shape[0] == 1 else 2)
        if depth.ndim != 2:
            raise InputError(f"{path}: {depth.shape}, expected one depth a pixel, (H, W)")
        return [Piece(depth=depth)]


class DepthFolderAdapter:
    """A folder of depth files, or one with such a folder depth/."""

    name = "depth"
    what = "depth of free scale without poses: a folder of PNG (16 bits), npy or EXR"

    def detect(self, path: Path) -> bool:
        """By the files' endings."""
        return bool(_files(path))

    def open(self, path: Path) -> DepthFolderSource:
        """Raises InputError where there is none."""
        return DepthFolderSource(path)


def _files(path: Path) -> list[Path]:
    return by_name(path / "depth", ENDINGS) or by_name(path, ENDINGS)

"""What layouts share that hold all frames in one .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece
from mapper.frontends.predictions.arrays import NpzFile, StoredArray
from mapper.frontends.predictions.images import as_rgb


@dataclass(frozen=True, slots=True)
class StackedNames:
    """Names of the arrays of one layout, the preferred ones first. points_in_world: of those that
    are points, not depths, and confidences: of a map, by its name."""

    depth: tuple[str, ...]
    world_points: tuple[str, ...]
    confidence: dict[str, str]
    poses: tuple[str, ...]
    intrinsics: tuple[str, ...]
    images: tuple[str, ...]


class StackedSource:
    """Arrays with an entry a frame."""

    def __init__(self, path: Path, names: StackedNames, conventions: Conventions) -> None:
        file = NpzFile(path)
        self.conventions = conventions
        self._path = path
        shape_name = file.first_of([*names.depth, *names.world_points], ", which maps are made of")
        self._is_depth = shape_name in names.depth
        self._map = _maps(file, shape_name, self._is_depth)
        self.count: int | None = len(self._map)
        self._poses = _optional(file, names.poses, (None, 4))
        self._intrinsics = _optional(file, names.intrinsics, (3, 3))
        confidence = names.confidence.get(shape_name, "")
        self._confidence = _maps(file, confidence, True) if confidence in file else None
        self._images = _optional(file, names.images, (None, None, None))
        self.has_poses = self._poses is not None
        for array in (self._poses, self._intrinsics, self._confidence, self._images):
            if array is not None and len(array) != self.count:
                raise InputError(
                    f"{array.what} is of {len(array)} frames, {shape_name} of {self.count}: they "
                    "belong to different runs"
                )

    def pieces(self, index: int) -> list[Piece]:
        """The frame's entry of each array."""
        if index >= len(self._map):
            return []
        stored = self._map.row(index)
        if self._is_depth:
            stored = stored.reshape(stored.shape[:2])
        confidence = _row(self._confidence, index)
        image = _row(self._images, index)
        return [
            Piece(
                depth=stored if self._is_depth else None,
                points=None if self._is_depth else stored,
                points_in="world",
                confidence=None if confidence is None else confidence.reshape(stored.shape[:2]),
                pose=_row(self._poses, index),
                intrinsics=_row(self._intrinsics, index),
                image=None if image is None else as_rgb(image, f"{self._path}: image {index}"),
            )
        ]


def _row(array: StoredArray | None, index: int) -> np.ndarray | None:
    return None if array is None else array.row(index)


def _maps(file: NpzFile, name: str, is_scalar: bool) -> StoredArray:
    """Depths or confidences (S, H, W) or (S, H, W, 1), or points (S, H, W, 3)."""
    array = file.array(name)
    if not is_scalar:
        return file.stacked(name, (None, None, 3))
    last = array.shape[-1] == 1 and array.ndim > 3
    return file.stacked(name, (None, None, 1) if last else (None, None))


def _optional(
    file: NpzFile, names: tuple[str, ...], trailing: tuple[int | None, ...]
) -> StoredArray | None:
    found = next((name for name in names if name in file), None)
    return None if found is None else file.stacked(found, trailing)

"""A folder of one .npz file a frame, whose arrays say by their names what they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece, PoseDirection
from mapper.frontends.predictions.arrays import names_of, read_npz
from mapper.frontends.predictions.images import as_rgb
from mapper.frontends.predictions.names import by_name

# pose (4, 4) or (3, 4) is camera to world, extrinsics world to camera, as these words are mostly
# meant; predictions.pose_direction says otherwise.
POSES: Final[dict[str, PoseDirection]] = {
    "pose": "c2w",
    "c2w": "c2w",
    "extrinsics": "w2c",
    "extrinsic": "w2c",
    "w2c": "w2c",
}
CAMERA_POINTS: Final = ("pointmap", "points")
WORLD_POINTS: Final = ("world_points",)
DEPTHS: Final = ("depth",)
CONFIDENCES: Final = ("confidence", "conf")
INTRINSICS: Final = ("intrinsics", "intrinsic", "K")
IMAGES: Final = ("image", "color")
MAPS: Final = (*DEPTHS, *CAMERA_POINTS, *WORLD_POINTS)


class PerFrameSource:
    """The files in the order of their names, one a frame."""

    def __init__(self, folder: Path) -> None:
        self._files = by_name(folder, (".npz",))
        if not self._files:
            raise InputError(f"{folder}: no .npz files")
        self.count: int | None = len(self._files)
        named = _first(names_of(self._files[0]), POSES)
        self.has_poses = named is not None
        self.conventions = Conventions(
            pose=POSES[named] if named else "c2w", confidence="as it is stored"
        )
        self._pose = named

    def pieces(self, index: int) -> list[Piece]:
        """What the frame's file holds. Raises InputError where it lacks what the others have."""
        if index >= len(self._files):
            return []
        path = self._files[index]
        arrays = read_npz(path)
        found = _first(arrays.keys(), MAPS)
        missing = " or ".join(MAPS) if found is None else self._pose
        if missing is not None and (found is None or self._pose not in arrays):
            there = ", ".join(sorted(arrays)) or "nothing"
            raise InputError(f"{path}: no {missing}; it holds {there}")
        assert found is not None
        image = _get(arrays, IMAGES)
        return [
            Piece(
                depth=_flat(arrays[found]) if found in DEPTHS else None,
                points=None if found in DEPTHS else arrays[found],
                points_in="world" if found in WORLD_POINTS else "camera",
                confidence=_flat(_get(arrays, CONFIDENCES)),
                pose=None if self._pose is None else arrays[self._pose],
                intrinsics=_get(arrays, INTRINSICS),
                image=None if image is None else as_rgb(image, f"{path}: image"),
            )
        ]


class PerFrameAdapter:
    """A folder of .npz files."""

    name = "per-frame"
    what = "a folder of one .npz a frame: pose or extrinsics, depth or pointmap, ..."

    def detect(self, path: Path) -> bool:
        """By the first file's arrays."""
        files = by_name(path, (".npz",))
        return bool(files) and _first(names_of(files[0]), MAPS) is not None

    def open(self, path: Path) -> PerFrameSource:
        """Raises InputError where there is none."""
        return PerFrameSource(path)


def _first(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    there = set(names)
    return next((name for name in wanted if name in there), None)


def _get(arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _flat(array: np.ndarray | None) -> np.ndarray | None:
    """Without a last side of one."""
    if array is not None and array.ndim == 3 and array.shape[2] == 1:
        return array[..., 0]
    return array

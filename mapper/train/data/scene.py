"""Scenes to learn from, whatever their files look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from mapper.errors import InputError

KEPT: Final = 2048  # room files in memory, about 2 MB each
ARRAYS: Final = ("images", "depth", "T_world_camera", "intrinsics")


@dataclass(frozen=True, slots=True)
class View:
    """image: uint8 (H, W, 3). depth: float32 (H, W), along z, 0 = no reading, below 0 = sky.
    T_world_camera: float64 (4, 4). intrinsics: float64 (3, 3), pixel centres at integers."""

    image: np.ndarray
    depth: np.ndarray
    T_world_camera: np.ndarray
    intrinsics: np.ndarray


class Scene(Protocol):
    """Images of one place with depth and poses, in the order in which they were taken."""

    def __len__(self) -> int: ...

    def view(self, index: int) -> View:
        """One of them."""
        ...


class PackedScene:
    """A file of `tools make_rooms`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return len(_arrays(self.path)["images"])

    def view(self, index: int) -> View:
        """One of its images."""
        arrays = _arrays(self.path)
        return View(
            arrays["images"][index],
            arrays["depth"][index].astype(np.float32),
            arrays["T_world_camera"][index],
            arrays["intrinsics"],
        )


def packed_scenes(folder: Path, beginning: str = "") -> list[PackedScene]:
    """All of a folder whose names begin so. Raises InputError where there is none."""
    found = sorted(folder.glob(f"{beginning}*.npz"))
    if not found:
        raise InputError(
            f"{folder}: expected files {beginning}*.npz of rooms; "
            f"python tools make_rooms --out {folder} makes them"
        )
    return [PackedScene(path) for path in found]


@lru_cache(KEPT)
def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: no file of a room ({error})") from error
    if not np.isfinite(arrays["T_world_camera"]).all() or np.isnan(arrays["depth"]).any():
        raise InputError(f"{path}: its poses or depths hold numbers that are none")
    return arrays

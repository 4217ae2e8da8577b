"""Scenes to learn from, whatever their files look like."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from mapper.errors import InputError

KEPT: Final = 2048  # room files in memory, about 2 MB each
ARRAYS: Final = ("images", "depth", "T_world_camera", "intrinsics")
NO_ARRAYS: Final = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
NO_ROOM_M: Final = 100.0  # usual depth in metres: more is no room
RIGID: Final = 1e-2  # by which a rotation's columns are not of length 1 or not upright


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


def checked(view: View, where: Path | str) -> View:
    """The view, where its parts go together. Raises InputError that names the file."""
    fault = _fault(view)
    if fault:
        raise InputError(f"{where}: {fault}")
    return view


def _fault(view: View) -> str:
    image, depth, T, K = view.image, view.depth, view.T_world_camera, view.intrinsics
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        return f"an image of {image.dtype} {image.shape}: expected uint8 (H, W, 3)"
    if depth.shape != image.shape[:2]:
        return f"depth of {depth.shape} for an image of {image.shape[:2]}: expected the same"
    if T.shape != (4, 4) or not np.isfinite(T).all() or not _is_rigid(T):
        return "a pose that is no T_world_camera (4, 4): rotation, translation, and 0 0 0 1 below"
    if K.shape != (3, 3) or not np.isfinite(K).all() or not (K[0, 0] > 0 and K[1, 1] > 0):
        return "intrinsics that are no matrix (3, 3) with focal lengths above 0"
    height, width = depth.shape
    if not (0 < K[0, 2] < width and 0 < K[1, 2] < height):
        return (
            f"intrinsics with the principal point {K[0, 2]:.0f}, {K[1, 2]:.0f}, outside of the "
            f"image of {width}x{height}: are they of another size of it?"
        )
    return ""


def _is_rigid(T: np.ndarray) -> bool:
    R = T[:3, :3]
    square = np.abs(R.T @ R - np.eye(3)).max() < RIGID
    return bool(square and np.linalg.det(R) > 0 and np.allclose(T[3], (0, 0, 0, 1)))


class PackedScene:
    """A file of `tools make_rooms`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return len(_arrays(self.path)["images"])

    def view(self, index: int) -> View:
        """One of its images."""
        arrays = _arrays(self.path)
        view = View(
            arrays["images"][index],
            arrays["depth"][index].astype(np.float32),
            arrays["T_world_camera"][index],
            arrays["intrinsics"],
        )
        return checked(view, self.path)


def packed_scenes(folder: Path, beginning: str = "") -> list[PackedScene]:
    """All of a folder whose names begin so. Raises InputError where there is none, and for a file
    that was cut off or is another's: before anything is learned, not when it is drawn."""
    found = sorted(folder.glob(f"{beginning}*.npz"))
    if not found:
        raise InputError(
            f"{folder}: expected files {beginning}*.npz of rooms; "
            f"python tools make_rooms --out {folder} makes them"
        )
    for path in found:
        read_arrays(path, ())
    return [PackedScene(path) for path in found]


def read_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of an npz file; all of them where no names are given. Raises InputError that names
    the file, whatever is wrong with it."""
    try:
        if not zipfile.is_zipfile(path):  # what numpy reads as a single array, or as a pickle
            raise ValueError("empty, cut off, or no file of this kind")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in (file.files if names is None else names)}
    except NO_ARRAYS as error:
        raise InputError(f"{path}: cannot be read as npz ({error}); make it again") from error


@lru_cache(KEPT)
def _arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path, ARRAYS)
    counts = {name: len(arrays[name]) for name in ARRAYS[:3] if arrays[name].ndim}
    if len(counts) < 3 or len(set(counts.values())) > 1:
        raise InputError(f"{path}: not as many of each: {counts}")
    depth = arrays["depth"]
    if not np.isfinite(arrays["T_world_camera"]).all() or np.isnan(depth).any():
        raise InputError(f"{path}: its poses or depths hold numbers that are none")
    read = depth[(depth > 0) & np.isfinite(depth)]
    if depth.size and not len(read):
        raise InputError(f"{path}: its depths hold no reading; nothing can be learned of it")
    if depth.size and (usual := float(np.median(read))) > NO_ROOM_M:
        raise InputError(
            f"{path}: its depths are {usual:.0f} in the middle; expected metres, are they in "
            "millimetres?"
        )
    return arrays

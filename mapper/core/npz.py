"""Reads .npz files by a layout: what is not as said is one error, before memory is taken for it."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

MAX_BYTES: Final = 200_000_000 * 3 * 4  # of one array: the points of the largest image read at all
Side = int | str


@dataclass(frozen=True, slots=True)
class Array:
    """What an array of a file must be.

    dtype: as numpy writes it, such as "<f4"; "number" = any real one. shape: a side that is a name
    is of any length, the same wherever the name stands. optional: may be missing. finite: no NaN
    and no infinity.
    """

    dtype: str
    shape: tuple[Side, ...] = ()
    optional: bool = False
    finite: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The arrays of a kind of file.

    what: the file is, in words. remedy: where it cannot be read. others: arrays that are not named
    may stand in it too; else they mean that the names are damaged, and an optional one is missing.
    """

    what: str
    remedy: str
    arrays: Mapping[str, Array]
    others: Literal["refused", "left"] = "refused"

    def read(self, path: Path, only: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays by name, or some of them; an optional one may be missing.

        Raises InputError with the file and what is wrong with it.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                self._check_members(archive.infolist())
                return self._read(archive, self.arrays if only is None else only)
        except OSError as error:
            raise self.unreadable(path, error.strerror or type(error).__name__) from error
        except _Unlike as error:
            raise self.unreadable(path, str(error)) from None
        except Exception as error:  # zipfile, zlib and numpy raise of all kinds, MemoryError too
            raise self.unreadable(path, type(error).__name__) from error

    def unreadable(self, path: Path, reason: str) -> InputError:
        """The error that names the file."""
        return InputError(f"{path}: {self.what} cannot be read ({reason}); {self.remedy}")

    def _check_members(self, infos: list[zipfile.ZipInfo]) -> None:
        members = {info.filename for info in infos}
        if self.others == "refused":
            for name in members:
                if name.removesuffix(".npy") not in self.arrays:
                    raise _Unlike(f"it holds {name[:40]!r}, which is not known here")
            if any(info.extra or info.comment for info in infos):  # none of ours; it hides the next
                raise _Unlike("its table of contents is damaged")
        for name, array in self.arrays.items():
            if not array.optional and f"{name}.npy" not in members:
                raise _Unlike(f"it holds no {name}")

    def _read(self, archive: zipfile.ZipFile, names: Iterable[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        sides: dict[str, int] = {}
        present = set(archive.namelist())
        for name in names:
            if f"{name}.npy" in present:
                size = archive.getinfo(f"{name}.npy").file_size
                with archive.open(f"{name}.npy") as member:
                    found[name] = _read_array(name, member, size, self.arrays[name], sides)
        return found


def stored_intrinsics(
    layout: Layout, path: Path, values: np.ndarray, shape: tuple[int, ...] | None
) -> Intrinsics:
    """The camera of a file, from fx, fy, cx, cy, width, height. shape: (height, width) of its maps.

    Kernels look up what lies in the camera's image, so it must be as large as the maps are.
    """
    fx, fy, cx, cy, width, height = values.tolist()
    try:
        camera = Intrinsics(fx, fy, cx, cy, int(width), int(height))
    except InputError as error:
        raise layout.unreadable(path, str(error)) from error
    if shape is not None and shape != (camera.height, camera.width):
        size = f"{shape[1]}x{shape[0]}"
        raise layout.unreadable(
            path, f"a camera of {camera.width}x{camera.height} for maps of {size}"
        )
    return camera


class _Unlike(Exception):
    """The file is not as its layout says."""


def _read_array(
    name: str, member: IO[bytes], size: int, expected: Array, sides: dict[str, int]
) -> np.ndarray:
    """One array; its header is believed only where it says what is expected and what is there."""
    version = np.lib.format.read_magic(member)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise _Unlike(f"{name} is of an unknown format")
    shape, fortran, dtype = readers[version](member)
    if not _fits(shape, dtype, expected, sides):
        wanted = ", ".join(str(side) for side in expected.shape)
        raise _Unlike(f"{name} is {dtype} {shape}, expected {expected.dtype} ({wanted})"[:160])
    count = math.prod(shape)
    if count * dtype.itemsize != size - member.tell() or size > MAX_BYTES:
        raise _Unlike(f"{name} is said to have {count} numbers, and has not, or too many")
    content = member.read()  # to the end, where the checksum is compared
    array = np.frombuffer(content, dtype, count).reshape(shape, order="F" if fortran else "C")
    if expected.finite and not np.isfinite(array).all():
        raise _Unlike(f"{name} is not finite")
    return np.array(array, order="C")


def _fits(shape: tuple[int, ...], dtype: np.dtype, expected: Array, sides: dict[str, int]) -> bool:
    """Whether a header says what is expected; notes the lengths of named sides."""
    if expected.dtype == "number":
        if dtype.kind not in "iuf":
            return False
    elif dtype != np.dtype(expected.dtype):
        return False
    if len(shape) != len(expected.shape) or min(shape, default=0) < 0:
        return False
    return all(
        length == (side if isinstance(side, int) else sides.setdefault(side, length))
        for length, side in zip(shape, expected.shape, strict=True)
    )

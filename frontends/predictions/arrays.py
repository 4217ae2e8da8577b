"""Arrays of .npz and .npy files, frame by frame, whatever they are named; no pickle is opened."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

import numpy as np

from mapper.errors import InputError

MAX_BYTES: Final = 200_000_000 * 3 * 4  # of what is read at once: points of the largest image
MAX_HEADER: Final = 10_000  # bytes
READERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class StoredArray:
    """One array of numbers; its rows along the first axis are read when they are asked for."""

    def __init__(self, member: IO[bytes], what: str) -> None:
        self._member, self.what = member, what
        try:
            version = np.lib.format.read_magic(member)
            if version not in READERS:
                raise InputError(f"{what} is of an unknown version of NumPy's format")
            shape, self._fortran, self.dtype = READERS[version](member, MAX_HEADER)
            self.shape: tuple[int, ...] = shape
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, SyntaxError) as error:
            raise InputError(f"{what} is no readable array ({type(error).__name__})") from error
        if self.dtype.hasobject or self.dtype.kind not in "biuf":
            raise InputError(
                f"{what} holds {self.dtype} and no numbers: pickled objects are not opened; save "
                "plain arrays"
            )
        self._begin = member.tell()

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def whole(self) -> np.ndarray:
        """All of it."""
        numbers = self._numbers(0, math.prod(self.shape))
        if self._fortran:
            return numbers.reshape(self.shape[::-1]).T
        return numbers.reshape(self.shape)

    def row(self, index: int) -> np.ndarray:
        """That one along the first axis."""
        if self._fortran:
            return np.ascontiguousarray(self.whole()[index])
        each = math.prod(self.shape[1:])
        return self._numbers(index * each, each).reshape(self.shape[1:])

    def _numbers(self, first: int, count: int) -> np.ndarray:
        size = count * self.dtype.itemsize
        if size > MAX_BYTES:
            raise InputError(f"{self.what} is {self.dtype} {self.shape}: too large")
        try:
            self._member.seek(self._begin + first * self.dtype.itemsize)
            content = self._member.read(size)
        except (OSError, zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
            raise InputError(f"{self.what} is damaged ({type(error).__name__})") from error
        if len(content) != size:
            raise InputError(f"{self.what} is cut short: copy or save the file again")
        return np.frombuffer(content, self.dtype)


class NpzFile:
    """The arrays of a .npz file by name. Stays open; each array is read on from where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or type(error).__name__}") from error
        except Exception as error:  # zipfile raises of all kinds at a damaged directory
            raise InputError(f"{path}: no readable .npz file; copy or save it again") from error
        self.names = sorted(
            name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy")
        )
        self._opened: dict[str, StoredArray] = {}

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def array(self, name: str) -> StoredArray:
        """Raises InputError where it is missing, and names those that are there."""
        if name not in self._opened:
            self.first_of([name])
            try:
                member = self._archive.open(f"{name}.npy")
            except Exception as error:  # of all kinds, at a damaged entry
                raise InputError(f"{self.path}: {name} cannot be read") from error
            self._opened[name] = StoredArray(member, f"{self.path}: {name}")
        return self._opened[name]

    def first_of(self, names: Iterable[str], use: str = "") -> str:
        """The first of the names that is there. use: what it is, for the fault."""
        names = list(names)
        found = next((name for name in names if name in self), None)
        if found is None:
            wanted = " or ".join(names)
            there = ", ".join(self.names[:20]) or "nothing"
            raise InputError(f"{self.path}: no {wanted}{use}; it holds {there}")
        return found

    def stacked(self, name: str, trailing: Iterable[int | None]) -> StoredArray:
        """An array of one entry a frame. trailing: the shape of an entry, None = any side.

        Raises InputError that names the shape.
        """
        array = self.array(name)
        trailing = tuple(trailing)
        if array.ndim == len(trailing) + 2 and array.shape[0] == 1:
            array.shape = array.shape[1:]  # a batch of one sequence
        if array.ndim != len(trailing) + 1 or not _fits(array.shape[1:], trailing):
            sides = ", ".join("any" if side is None else str(side) for side in trailing)
            raise InputError(f"{array.what} is {array.shape}, expected (frames, {sides})")
        return array


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return all(want is None or side == want for side, want in zip(shape, expected, strict=True))


def names_of(path: Path) -> set[str]:
    """The arrays of a .npz file; empty for whatever is none. Raises nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except Exception:  # zipfile raises of all kinds; then it is no .npz file
        return set()


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file. Raises InputError."""
    try:
        with path.open("rb") as file:
            return StoredArray(file, str(path)).whole()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or type(error).__name__}") from error


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a small .npz file, by name. Raises InputError."""
    file = NpzFile(path)
    try:
        return {name: file.array(name).whole() for name in file.names}
    finally:
        file.close()

"""The frames of Record3D's .r3d: a zip archive, or the folder that was unpacked of it."""

from __future__ import annotations

import json
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.captures.depth_sampling import confident
from mapper.io.sequences.decode import decode_color, read_bytes

_LARGEST: Final = 1 << 28  # bytes of one entry; more is a mistake, or hostile


class _Entries:
    """Files by their names within an archive or a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._archive = None
        if path.is_file():
            try:
                self._archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise InputError(f"{path}: no readable archive of Record3D: {error}") from error

    def names(self) -> list[str]:
        if self._archive is not None:
            return self._archive.namelist()
        return [f"rgbd/{file.name}" for file in (self.path / "rgbd").iterdir()]

    def read(self, name: str) -> bytes:
        if self._archive is None:
            return read_bytes(self.path / name)
        try:
            with self._lock, self._archive.open(name) as file:
                return file.read(_LARGEST)
        except Exception as error:  # a damaged archive can raise anything
            raise InputError(f"{self.path}: {name} is not readable; copy it again") from error

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()


@dataclass(frozen=True, slots=True)
class PackedFrames:
    """See mapper.io.sequences.captures.frame_source.FrameSource.

    depth_size: (height, width).
    """

    entries: _Entries
    numbers: tuple[int, ...]
    depth_size: tuple[int, int]
    has_confidence: bool
    has_depth: bool = field(default=True)

    def color(self, index: int) -> np.ndarray:
        """See FrameSource."""
        name = f"rgbd/{self.numbers[index]}.jpg"
        return decode_color(self.entries.read(name), f"{self.entries.path}/{name}", as_stored=True)

    def depth(self, index: int) -> np.ndarray:
        """See FrameSource."""
        name = f"rgbd/{self.numbers[index]}"
        raw = self._unpacked(f"{name}.depth", np.dtype("<f4"))
        depth = np.where(np.isfinite(raw) & (raw > 0), raw, np.float32(0.0))
        if not self.has_confidence:
            return depth
        confidence = self._unpacked(f"{name}.conf", np.dtype("u1"))
        return confident(depth, confidence, f"{self.entries.path}/{name}.conf")

    def files(self, index: int) -> tuple[Path, ...]:
        """See FrameSource."""
        path = self.entries.path
        return (path if path.is_file() else path / "rgbd" / f"{self.numbers[index]}.jpg",)

    def close(self) -> None:
        """See FrameSource."""
        self.entries.close()

    def _unpacked(self, name: str, kind: np.dtype[Any]) -> np.ndarray:
        """(h, w) of numbers; stored as they are where they fill the size already."""
        content = self.entries.read(name)
        height, width = self.depth_size
        size = height * width * kind.itemsize
        if len(content) != size:
            content = _decompressed(content, f"{self.entries.path}/{name}")
        if len(content) != size:
            raise InputError(
                f"{self.entries.path}/{name}: {len(content)} bytes, and {width}x{height} pixels "
                f"take {size}; copy the recording again"
            )
        return np.frombuffer(content, kind).reshape(height, width)


def open_packed_frames(path: Path) -> tuple[PackedFrames, list[int], str]:
    """The frames, their numbers in order, and the text of metadata."""
    entries = _Entries(path)
    try:
        names = set(entries.names())
        text = entries.read("metadata").decode(errors="replace")
        numbers = sorted(
            int(name[5:-4])
            for name in names
            if name.startswith("rgbd/") and name.endswith(".jpg") and name[5:-4].isdigit()
        )
        numbers = [number for number in numbers if f"rgbd/{number}.depth" in names]
        if not numbers:
            raise InputError(f"{path}: no frames like rgbd/0.jpg with rgbd/0.depth; copy it again")
        has_confidence = all(f"rgbd/{number}.conf" in names for number in numbers)
        return (
            PackedFrames(entries, tuple(numbers), _depth_size(text, path), has_confidence),
            numbers,
            text,
        )
    except Exception:
        entries.close()
        raise


def _depth_size(text: str, path: Path) -> tuple[int, int]:
    try:
        content = json.loads(text)
        return int(content["dh"]), int(content["dw"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: its metadata lacks dw and dh ({error}); copy it again"
        ) from error


def _decompressed(content: bytes, what: str) -> bytes:
    try:
        import lzfse  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            f"{what}: a .r3d is packed by LZFSE; pip install lzfse, or export EXR + RGB in the app"
        ) from error
    try:
        return bytes(lzfse.decompress(content))
    except Exception as error:  # the library tells damage in several ways
        raise InputError(f"{what}: not readable by LZFSE; copy the recording again") from error

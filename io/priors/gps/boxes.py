"""The boxes of an MP4 or QuickTime file, and the samples of its tracks of data.

Source: ISO/IEC 14496-12, the base media file format; sizes and counts are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from mapper.errors import InputError

CONTAINERS: Final = ("moov", "trak", "mdia", "minf", "stbl", "udta")
LARGEST: Final = 1 << 26  # bytes of a box of tables, or of a sample: more is a damaged file


@dataclass(frozen=True, slots=True)
class Box:
    """kind: four letters. start, end: of its content, in bytes of the file."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sample:
    """time, seconds: from the beginning of its track, and how long it lasts."""

    time: float
    seconds: float
    content: bytes


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Those that follow each other within bytes of the file."""
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            header = 16
        size = size or end - start
        if size < header or start + size > end:
            raise InputError("a box is larger than what holds it")
        yield Box(kind.decode("latin-1"), start + header, start + size)
        start += size


def samples(path: Path, entry: str) -> Iterator[Sample]:
    """Of all tracks whose samples are of a kind, like camm. Raises InputError that names the
    file."""
    with path.open("rb") as file:
        try:
            for track in _tracks(file, path.stat().st_size):
                if entry in _entries(file, track):
                    yield from _samples(file, track)
        except (struct.error, ValueError, KeyError, InputError) as error:
            raise InputError(f"{path}: damaged as an MP4 file ({error})") from error


def user_text(path: Path, kind: str) -> str:
    """What a box of the film's own data says, like the place that it was begun at; empty without.

    Raises InputError that names the file.
    """
    with path.open("rb") as file:
        try:
            for box in _within(file, Box("", 0, path.stat().st_size), ("moov", "udta", kind)):
                (length,) = struct.unpack(">H2x", _content(file, box)[:4])
                return _content(file, box)[4 : 4 + length].decode("utf-8", "replace")
        except (struct.error, InputError) as error:
            raise InputError(f"{path}: damaged as an MP4 file ({error})") from error
    return ""


def _tracks(file: BinaryIO, end: int) -> Iterator[dict[str, Box]]:
    """The boxes of each track, by their kinds."""
    for track in _within(file, Box("", 0, end), ("moov", "trak")):
        yield {box.kind: box for box in _all(file, track)}


def _within(file: BinaryIO, box: Box, way: tuple[str, ...]) -> Iterator[Box]:
    """The boxes at the end of a way of kinds."""
    if not way:
        yield box
        return
    for inner in boxes(file, box.start, box.end):
        if inner.kind == way[0]:
            yield from _within(file, inner, way[1:])


def _all(file: BinaryIO, box: Box) -> Iterator[Box]:
    for inner in boxes(file, box.start, box.end):
        yield inner
        if inner.kind in CONTAINERS:
            yield from _all(file, inner)


def _content(file: BinaryIO, box: Box) -> bytes:
    if box.end - box.start > LARGEST:
        raise InputError(f"its box {box.kind} has {box.end - box.start} bytes")
    file.seek(box.start)
    return file.read(box.end - box.start)


def _entries(file: BinaryIO, track: dict[str, Box]) -> list[str]:
    """Of what kinds a track's samples are."""
    described = track.get("stsd")
    if described is None:
        return []
    return [box.kind for box in boxes(file, described.start + 8, described.end)]


def _samples(file: BinaryIO, track: dict[str, Box]) -> Iterator[Sample]:
    sizes, offsets = _sizes(file, track), _offsets(file, track)
    per_chunk = _samples_per_chunk(file, track, len(offsets))
    ticks, durations = _ticks(file, track, len(sizes))
    scale = _ticks_a_second(file, track)
    number = 0
    for offset, count in zip(offsets, per_chunk, strict=True):
        for size in sizes[number : number + count]:
            if size > LARGEST:
                raise InputError(f"a sample has {size} bytes")
            file.seek(int(offset))
            content = file.read(int(size))
            yield Sample(ticks[number] / scale, durations[number] / scale, content)
            offset += size
            number += 1


def _table(file: BinaryIO, box: Box, skip: int, kind: str) -> np.ndarray:
    """The numbers behind a box's version, flags and what else comes first."""
    content = _content(file, box)[skip:]
    width = np.dtype(kind).itemsize
    return np.frombuffer(content[: len(content) // width * width], kind).astype(np.int64)


def _sizes(file: BinaryIO, track: dict[str, Box]) -> np.ndarray:
    """(N,) bytes."""
    same, count = _table(file, track["stsz"], 4, ">u4")[:2]
    if count > LARGEST:
        raise InputError(f"{count} samples")
    return np.full(count, same) if same else _table(file, track["stsz"], 12, ">u4")[:count]


def _offsets(file: BinaryIO, track: dict[str, Box]) -> np.ndarray:
    """(C,): where the chunks of samples begin."""
    if "co64" in track:
        return _table(file, track["co64"], 8, ">u8")
    return _table(file, track["stco"], 8, ">u4")


def _samples_per_chunk(file: BinaryIO, track: dict[str, Box], chunks: int) -> np.ndarray:
    """(C,)."""
    rows = _table(file, track["stsc"], 8, ">u4")
    first, count = rows[0 : len(rows) // 3 * 3 : 3] - 1, rows[1 : len(rows) // 3 * 3 : 3]
    found = np.zeros(chunks, np.int64)
    for begin, each in zip(first, count, strict=True):
        found[begin:] = each
    return found


def _ticks(file: BinaryIO, track: dict[str, Box], count: int) -> tuple[np.ndarray, np.ndarray]:
    """When each sample begins (N,), and how long it lasts."""
    rows = _table(file, track["stts"], 8, ">u4")
    rows = rows[: len(rows) // 2 * 2].reshape(-1, 2)
    if rows[:, 0].sum() > LARGEST:
        raise InputError(f"{rows[:, 0].sum()} samples")
    durations = np.repeat(rows[:, 1], rows[:, 0])
    if len(durations) < count:
        raise InputError(f"times of {len(durations)} of {count} samples")
    return np.cumsum(durations) - durations, durations


def _ticks_a_second(file: BinaryIO, track: dict[str, Box]) -> int:
    content = _content(file, track["mdhd"])
    (scale,) = struct.unpack(">I", content[20:24] if content[0] == 1 else content[12:16])
    if scale == 0:
        raise InputError("a track without a clock")
    return int(scale)

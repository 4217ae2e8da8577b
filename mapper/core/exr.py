"""OpenEXR images as renderers write depth: scan lines, raw or packed by run lengths or zlib.

The wheels of OpenCV have no OpenEXR. Layout: openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError

MAGIC: Final = b"\x76\x2f\x31\x01"
DEPTH_CHANNELS: Final = ("Z", "DEPTH", "V", "Y", "R", "G", "B")  # the first that there is

_ROWS: Final = {0: 1, 1: 1, 2: 1, 3: 16}  # of one block, by kind of compression
_NAMES: Final = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_TYPES: Final = {0: "<u4", 1: "<f2", 2: "<f4"}
_TILED_OR_DEEP: Final = 0x1A00  # flags of a file that is tiled, deep, or has several parts


def read_exr_depth(encoded: bytes, path: Path | str) -> np.ndarray:
    """float32 (H, W): the depth channel, else the first; InputError for what is not read here."""
    try:
        return _read(encoded, path)
    except (struct.error, IndexError, ValueError, KeyError, zlib.error) as error:
        raise InputError(
            f"{path}: the EXR file is cut short or damaged; copy or render it again"
        ) from error


def _read(encoded: bytes, path: Path | str) -> np.ndarray:
    attributes, place = _attributes(encoded)
    flags, packing = struct.unpack_from("<I", encoded, 4)[0], attributes["compression"][0]
    if flags & _TILED_OR_DEEP or packing not in _ROWS:
        what = "tiles or parts" if flags & _TILED_OR_DEEP else _NAMES[packing]
        raise InputError(
            f"{path}: an EXR file with {what} is not read; write it with scan lines and ZIP"
        )
    left, top, right, bottom = struct.unpack("<iiii", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    channels = _channels(attributes["channels"])
    chosen = _depth_channel(channels, path)
    depth = np.zeros((height, width), np.float32)
    line_bytes = width * sum(np.dtype(kind).itemsize for _, kind in channels)
    for begin in struct.unpack_from(f"<{-(-height // _ROWS[packing])}Q", encoded, place):
        first, size = struct.unpack_from("<iI", encoded, begin)
        rows = min(_ROWS[packing], bottom + 1 - first)
        block = _plain_block(encoded[begin + 8 : begin + 8 + size], packing, rows * line_bytes)
        lines = np.frombuffer(block, np.uint8).reshape(rows, line_bytes)
        at = 0
        for number, (_, kind) in enumerate(channels):
            length = width * np.dtype(kind).itemsize
            if number == chosen:
                pixels = np.ascontiguousarray(lines[:, at : at + length]).view(kind)
                depth[first - top : first - top + rows] = pixels
            at += length
    return depth


def _attributes(encoded: bytes) -> tuple[dict[str, bytes], int]:
    """The header's values by name, and where the table of blocks begins."""
    found, place = {}, 8
    while encoded[place] != 0:
        name_end = encoded.index(b"\0", place)
        kind_end = encoded.index(b"\0", name_end + 1)
        size = struct.unpack_from("<I", encoded, kind_end + 1)[0]
        begin = kind_end + 5
        found[encoded[place:name_end].decode("latin-1")] = encoded[begin : begin + size]
        place = begin + size
    return found, place + 1


def _channels(content: bytes) -> list[tuple[str, str]]:
    """Names and NumPy types, in the order in which a line holds them."""
    channels, place = [], 0
    while content[place] != 0:
        end = content.index(b"\0", place)
        kind, _, x_step, y_step = struct.unpack_from("<iIii", content, end + 1)
        if (x_step, y_step) != (1, 1):
            raise ValueError("subsampled")
        channels.append((content[place:end].decode("latin-1"), _TYPES[kind]))
        place = end + 17
    return channels


def _depth_channel(channels: list[tuple[str, str]], path: Path | str) -> int:
    names = [name.rpartition(".")[2].upper() for name, _ in channels]
    wanted = next((name for name in DEPTH_CHANNELS if name in names), None)
    if wanted is None:
        raise InputError(f"{path}: no depth channel (Z) among {', '.join(names)}")
    return names.index(wanted)


def unpacked(content: bytes, size: int) -> bytes:
    """What zlib packed, of `size` bytes; no more memory is taken. ValueError if there is more."""
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(content, size + 1)
    if not unpacker.eof:
        raise ValueError("cut short, or larger than it should be")
    return plain


def _plain_block(content: bytes, packing: int, size: int) -> bytes:
    """The plain bytes of a block; one that packing made no smaller is stored as it is."""
    if packing == 0 or len(content) == size:
        return content
    shuffled = _run_lengths(content) if packing == 1 else unpacked(content, size)
    if len(shuffled) != size:
        raise ValueError("a block of the wrong size")
    differences = np.frombuffer(shuffled, np.uint8).astype(np.int64)
    differences[1:] -= 128
    summed = (np.cumsum(differences) & 255).astype(np.uint8)
    half = (size + 1) // 2
    plain = np.empty(size, np.uint8)
    plain[0::2], plain[1::2] = summed[:half], summed[half:]
    return plain.tobytes()


def _run_lengths(content: bytes) -> bytes:
    plain, place = bytearray(), 0
    while place < len(content):
        count = struct.unpack_from("<b", content, place)[0]
        if count < 0:  # so many bytes as they are
            plain += content[place + 1 : place + 1 - count]
            place += 1 - count
        else:
            plain += content[place + 1 : place + 2] * (count + 1)
            place += 2
    return bytes(plain)

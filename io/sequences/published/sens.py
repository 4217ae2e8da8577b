"""ScanNet's packed scans: one .sens file with all images, depths and poses of a scan.

Little-endian: uint32 version (4); uint64 length and name of the sensor; float32 4x4 intrinsics and
extrinsics of colour, then of depth; int32 kinds of compression of colour and depth; uint32 width
and height of colour, then of depth; float32 depth units a metre; uint64 number of frames. Then each
frame: float32 4x4 camera-to-world; uint64 times of colour and depth, and sizes of both in bytes;
the two. What follows, from the inertial unit, is not read.
Source: github.com/ScanNet/ScanNet, SensReader.

A frame is asked for by a path within the file, scene.sens/color/17 or scene.sens/depth/17; only its
own bytes are read then.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mapper.core.exr import unpacked
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import MAX_PIXELS, pinhole
from mapper.io.sequences.decode import SATURATED, decode_color
from mapper.io.sequences.truth_files import rigid_poses

VERSION = 4
SUFFIX = ".sens"
_PNG, _JPEG = 1, 2  # of colour
_RAW, _ZLIB = 0, 1  # of depth
_START = struct.Struct("<IQ")
_HEAD = struct.Struct("<64f2i4IfQ")
_FRAME = struct.Struct("<16f4Q")
_LONGEST_NAME = 4096  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """T_world_camera: float64 (N, 4, 4), NaN where the camera was lost. intrinsics: of colour.

    color, depth: int64 (N, 2), where in the file each image begins, and its bytes. depth_size:
    (height, width). depth_scale: units a metre.
    """

    path: Path
    T_world_camera: np.ndarray
    intrinsics: Intrinsics
    color: np.ndarray
    depth: np.ndarray
    depth_size: tuple[int, int]
    depth_scale: float
    depth_is_packed: bool

    def __len__(self) -> int:
        return len(self.color)


def open_scan(path: Path) -> Scan:
    """The scan without its images; InputError if the file is cut short or of another kind."""
    try:
        return _open_scan(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is the download complete?") from error


def read_color(path: Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB, of a path like scene.sens/color/17."""
    encoded = _content(open_scan(path.parents[1]).color, path)
    return decode_color(encoded, path, as_stored=True)


def read_depth(path: Path) -> np.ndarray:
    """float32 (H, W), metres, 0 = invalid, of a path like scene.sens/depth/17."""
    scan = open_scan(path.parents[1])
    encoded = _content(scan.depth, path)
    try:
        size = 2 * math.prod(scan.depth_size)
        pixels = unpacked(encoded, size) if scan.depth_is_packed else encoded
        raw = np.frombuffer(pixels, "<u2").reshape(scan.depth_size)
    except (zlib.error, ValueError) as error:
        raise InputError(f"{path}: no readable depth in the scan; download it again") from error
    return np.where(raw == SATURATED, 0, raw).astype(np.float32) / np.float32(scan.depth_scale)


# Going through a file's frames takes a while; the images of one scan follow one another.
@lru_cache(maxsize=2)
def _open_scan(path: Path, modified_ns: int) -> Scan:
    with path.open("rb") as file:
        head = _read_head(file, path)
        color_kind, depth_kind, width, height, depth_width, depth_height, scale, count = head[64:]
        if color_kind not in (_PNG, _JPEG) or depth_kind not in (_RAW, _ZLIB) or not scale > 0:
            raise InputError(
                f"{path}: colour of kind {color_kind}, depth of kind {depth_kind}, {scale} units "
                "a metre; read are colour as PNG (1) or JPEG (2) and depth raw (0) or by zlib (1)"
            )
        if depth_width * depth_height > MAX_PIXELS:
            raise InputError(f"{path}: depth of {depth_width}x{depth_height}; download it again")
        T_world_camera, places = _read_frames(file, path, count)
    return Scan(
        path,
        rigid_poses(T_world_camera, path),
        pinhole((head[0], head[5], head[2], head[6]), (width, height), path),
        places[:, :2],
        places[:, 2:],
        (depth_height, depth_width),
        scale,
        depth_kind == _ZLIB,
    )


def _read_head(file: BinaryIO, path: Path) -> tuple[Any, ...]:
    """The fields of _HEAD."""
    start = file.read(_START.size)
    version, length = _START.unpack(start) if len(start) == _START.size else (0, 0)
    if version != VERSION or length > _LONGEST_NAME:
        raise InputError(f"{path}: no ScanNet scan of version {VERSION}; download it again")
    file.seek(length, 1)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise InputError(f"{path}: the file is cut short before its first frame; download it again")
    return _HEAD.unpack(head)


def _read_frames(file: BinaryIO, path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """float64 (N, 4, 4), as written, and int64 (N, 4): begin and bytes of colour, and of depth."""
    poses, places = [], []
    end, place = path.stat().st_size, file.tell()
    for index in range(count):
        file.seek(place)
        record = file.read(_FRAME.size)
        sizes = _FRAME.unpack(record)[18:] if len(record) == _FRAME.size else (end, end)
        color = place + _FRAME.size
        depth = color + sizes[0]
        place = depth + sizes[1]
        if place > end:
            raise InputError(
                f"{path}: the file is cut short, in frame {index} of {count}; download it again"
            )
        poses.append(np.frombuffer(record, "<f4", 16))
        places.append((color, sizes[0], depth, sizes[1]))
    return np.array(poses, np.float64).reshape(-1, 4, 4), np.array(places, np.int64).reshape(-1, 4)


def _content(places: np.ndarray, path: Path) -> bytes:
    begin, size = places[int(path.name)].tolist()
    with path.parents[1].open("rb") as file:
        file.seek(begin)
        return file.read(size)

"""Depth encodings that only single datasets use: float32 (H, W) metres, 0 = invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.io.sequences.decode import decode_raw_depth, depth_in_metres, read_bytes, read_depth

SINTEL_TAG = np.float32(202021.25)  # spells PIEH; wrong on machines of the other byte order


def read_limited_depth(path: Path, depth_scale: float, limit: float) -> np.ndarray:
    """A 16-bit image of depth_scale units a metre; readings beyond limit, m, are invalid."""
    depth = read_depth(path, depth_scale)
    depth[depth > limit] = 0.0
    return depth


def read_dpt(path: Path) -> np.ndarray:
    """Sintel's .dpt: float32 tag 202021.25, int32 width and height, float32 pixels row by row."""
    encoded = read_bytes(path)
    head = np.frombuffer(encoded[:12], "<i4")
    if len(head) < 3 or head[:1].view("<f4")[0] != SINTEL_TAG:
        raise InputError(f"{path}: no Sintel depth file (its tag is missing); download it again")
    width, height = int(head[1]), int(head[2])
    if min(width, height) <= 0 or len(encoded) != 12 + 4 * width * height:
        raise InputError(
            f"{path}: {len(encoded)} bytes do not hold {width}x{height} pixels; the file is cut "
            "short, download it again"
        )
    depth = np.frombuffer(encoded, "<f4", offset=12).reshape(height, width)
    return depth_in_metres(depth, 1.0, path)


def read_npy_depth(path: Path) -> np.ndarray:
    """A NumPy file with (H, W) metres."""
    depth = decode_raw_depth(read_bytes(path), path)
    if depth.dtype.kind != "f":
        raise InputError(f"{path}: expected one array (H, W) of metres as floating-point numbers")
    return depth_in_metres(depth, 1.0, path)


def read_half_depth(path: Path) -> np.ndarray:
    """CO3D's depth before scaling: 16-bit PNG whose pixels are the bits of float16."""
    pixels = decode_raw_depth(read_bytes(path), path)
    if pixels.dtype != np.uint16:
        raise InputError(f"{path}: no readable 16-bit depth image; download the file again")
    return depth_in_metres(pixels.view(np.float16), 1.0, path)

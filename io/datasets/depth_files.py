"""Depth encodings that only single datasets use: float32 (H, W) metres, 0 = invalid."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mapper.errors import InputError
from mapper.io.sequences.decode import read_depth

SINTEL_TAG = np.float32(202021.25)  # spells PIEH; wrong on machines of the other byte order


def read_limited_depth(path: Path, depth_scale: float, limit: float) -> np.ndarray:
    """A 16-bit image of depth_scale units a metre; readings beyond limit, m, are invalid."""
    depth = read_depth(path, depth_scale)
    depth[depth > limit] = 0.0
    return depth


def read_dpt(path: Path) -> np.ndarray:
    """Sintel's .dpt: float32 tag 202021.25, int32 width and height, float32 pixels row by row."""
    encoded = _content(path)
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
    return _valid(depth)


def read_npy_depth(path: Path) -> np.ndarray:
    """A NumPy file with (H, W) metres."""
    try:
        depth = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: no readable depth: {error}") from error
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind != "f":
        raise InputError(f"{path}: expected one array (H, W) of metres as floating-point numbers")
    return _valid(depth.astype(np.float32))


def read_half_depth(path: Path) -> np.ndarray:
    """CO3D's depth before scaling: 16-bit PNG whose pixels are the bits of float16."""
    pixels = cv2.imdecode(np.frombuffer(_content(path) or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise InputError(f"{path}: no readable 16-bit depth image; download the file again")
    return _valid(pixels.view(np.float16).astype(np.float32))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is the sequence complete?") from error


def _valid(depth: np.ndarray) -> np.ndarray:
    """A copy with 0 for what is negative or not finite."""
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0.0))

"""The one decoder of colour and depth images, which refuses what is damaged or too large."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.core.exr import MAGIC as EXR_HEAD
from mapper.core.exr import read_exr_depth
from mapper.errors import InputError
from mapper.io.cameras.camera import MAX_PIXELS
from mapper.io.images.heif import is_heif, read_heif
from mapper.io.sequences.image_header import HEAD_BYTES, ends_early, read_header

SATURATED: Final = 65535  # of a 16-bit depth image: no reading
AGAIN: Final = "copy or download the file again"

_NPY_HEAD: Final = b"\x93NUMPY"
_NPZ_HEAD: Final = b"PK\x03\x04"
_AS_SHOWN: Final = cv2.IMREAD_COLOR_RGB
_AS_STORED: Final = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # every fault is raised here


def read_image(path: Path, as_stored: bool = False) -> np.ndarray:
    """uint8 (H, W, 3), RGB. A grey image is spread over the three channels.

    as_stored: do not turn the image as its EXIF says; depth and calibration are of stored pixels.
    """
    return decode_color(read_bytes(path), path, as_stored)


def decode_color(encoded: bytes, what: Path | str, as_stored: bool = False) -> np.ndarray:
    """As read_image, of the content of a file; what: named in a fault.

    HEIF is turned whatever is asked for: the turn is part of how it is stored.
    """
    if is_heif(encoded):
        return read_heif(encoded, what, MAX_PIXELS)
    return _decode(encoded, what, _AS_STORED if as_stored else _AS_SHOWN)


def read_depth(path: Path, depth_scale: float) -> np.ndarray:
    """float32 (H, W), metres; 0 = no reading.

    PNG, TIFF, PGM, PFM, EXR or NumPy. Integers are depth_scale units a metre, and 65535 in 16 bits
    is no reading; floating-point numbers are metres, and NaN, infinity and less than 0 no reading.
    """
    return depth_in_metres(decode_raw_depth(read_bytes(path), path), depth_scale, path)


def decode_raw_depth(encoded: bytes, what: Path | str) -> np.ndarray:
    """The numbers (H, W) as they are stored, of the content of a file."""
    if encoded.startswith((_NPY_HEAD, _NPZ_HEAD)):
        raw = _load_array(encoded, what)
        if raw.ndim != 2:
            raise InputError(f"{what}: an array of {raw.shape}; depth must be one array (H, W)")
    elif encoded.startswith(EXR_HEAD):
        _check_size(encoded, what)
        return read_exr_depth(encoded, what)
    else:
        raw = _decode(encoded, what, cv2.IMREAD_UNCHANGED)
        if raw.ndim == 3 and (raw[..., :1] == raw[..., 1:3]).all():
            raw = raw[..., 0]  # one channel written three times
    if raw.ndim != 2:
        raise InputError(f"{what}: {raw.shape[2]} channels; depth must be a 16-bit PNG of one")
    return raw


def depth_in_metres(raw: np.ndarray, depth_scale: float, what: Path | str) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading, of numbers as they are stored."""
    if raw.dtype == np.uint16:
        depth = raw.astype(np.float32)
        depth[raw == SATURATED] = 0.0
        depth *= np.float32(1.0 / depth_scale)
        return depth
    if raw.dtype.kind == "f":
        depth = raw.astype(np.float32)
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0.0))
    if raw.dtype.kind in "iu" and raw.dtype.itemsize > 1:
        units = np.maximum(raw, 0).astype(np.float64)
        return (units / depth_scale).astype(np.float32)
    raise InputError(f"{what}: pixels are {raw.dtype}; depth must be a 16-bit PNG")


def decode(encoded: bytes | np.ndarray, what: Path | str, flag: int) -> np.ndarray:
    """What cv2.imdecode gives with a flag; InputError for whatever is no whole image of a size
    that can be meant."""
    return _decode(bytes(encoded), what, flag)


def read_bytes(path: Path) -> bytes:
    """The content of a file; InputError names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is the sequence complete?") from error


def _decode(encoded: bytes, what: Path | str, flag: int) -> np.ndarray:
    if ends_early(encoded):
        raise InputError(f"{what}: the image is cut short; {AGAIN}")
    _check_size(encoded, what)
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flag)
    except (cv2.error, MemoryError):
        image = None
    if image is None:
        raise InputError(f"{what}: no readable image; {AGAIN}")
    return np.asarray(image)


def _check_size(encoded: bytes, what: Path | str) -> None:
    header = read_header(encoded[:HEAD_BYTES])
    if header is None:
        header = read_header(encoded)  # a TIFF's directory may stand at its end
    if header is not None and header.width * header.height > MAX_PIXELS:
        raise InputError(
            f"{what}: {header.width}x{header.height} pixels by its header, above the "
            f"{MAX_PIXELS // 10**6} million that are read; make it smaller, or {AGAIN}"
        )


def _load_array(encoded: bytes, what: Path | str) -> np.ndarray:
    """The array of a .npy file, or the only one of a .npz."""
    try:
        if encoded.startswith(_NPZ_HEAD):
            encoded = _only_entry(encoded)
        file = io.BytesIO(encoded)
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, by_columns, dtype = readers[version](file)
        if dtype.hasobject or dtype.kind not in "iuf":
            raise ValueError("no numbers")
        numbers = np.frombuffer(encoded, dtype, math.prod(shape), file.tell())
        return numbers.reshape(shape, order="F" if by_columns else "C")
    except Exception as error:  # a damaged archive or header can raise anything
        raise InputError(f"{what}: no readable array of numbers; {AGAIN}") from error


def _only_entry(encoded: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(encoded)) as archive:
        (entry,) = archive.infolist()
        with archive.open(entry) as file:
            return file.read(8 * MAX_PIXELS)

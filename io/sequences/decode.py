"""Colour and depth images from files, refusing what is damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mapper.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})
DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
SATURATED = 65535  # of a 16-bit depth image: no reading

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_HEAD = b"\xff\xd8"
_JPEG_SCAN = b"\xff\xda"
_JPEG_END = b"\xff\xd9"
_TAIL = 4096  # bytes; room for what some programs append to a PNG

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # every fault is raised here


def read_image(path: Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB. A grey image is spread over the three channels."""
    return _decode(path, cv2.IMREAD_COLOR_RGB)


def read_depth(path: Path, depth_scale: float) -> np.ndarray:
    """float32 (H, W), metres; 0 = no reading (65535 too, in a 16-bit image).

    A 16-bit image holds depth_scale units a metre; a float image holds metres.
    """
    raw = _decode(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2:
        raise InputError(f"{path}: {raw.shape[2]} channels; depth must be a 16-bit PNG of one")
    if raw.dtype == np.uint16:
        depth = raw.astype(np.float32)
        depth[raw == SATURATED] = 0.0
        depth *= np.float32(1.0 / depth_scale)
        return depth
    if raw.dtype == np.float32:
        if not np.isfinite(raw).all() or (raw < 0).any():
            raise InputError(f"{path}: NaN, infinite or negative depth; write 0 for no reading")
        return raw
    raise InputError(f"{path}: pixels are {raw.dtype}; depth must be a 16-bit PNG")


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The images directly in a folder, numbers in their names counting as numbers."""
    paths = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.name[0] != "."]
    return sorted(paths, key=_natural_key)


def first_size(paths: list[Path]) -> tuple[int, int]:
    """(width, height) of the first readable image among the first ten."""
    reasons = []
    for path in paths[:10]:
        try:
            height, width = read_image(path).shape[:2]
        except InputError as error:
            reasons.append(error)
            continue
        return width, height
    raise reasons[0] if reasons else InputError("a sequence without images; check the folder")


def _decode(path: Path, flag: int) -> np.ndarray:
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is the sequence complete?") from error
    if _is_truncated(encoded):
        raise InputError(f"{path}: the image is cut short; copy or download the file again")
    try:
        image = cv2.imdecode(encoded, flag)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: no readable image; copy or download the file again")
    return image


def _is_truncated(encoded: np.ndarray) -> bool:
    """Whether a file is empty or lacks the end mark of its format (decoders accept a part)."""
    head = encoded[:8].tobytes()
    if not head:
        return True
    if head == _PNG_HEAD:
        return _PNG_END not in encoded[-_TAIL:].tobytes()
    if head.startswith(_JPEG_HEAD):
        content = encoded.tobytes()
        return content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN)
    return False


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which frame2 comes before frame10."""
    key: list[tuple[int, int, str]] = []
    word, digits = "", ""
    for character in path.name + "\0":
        if character.isascii() and character.isdigit():
            if word:
                key.append((1, 0, word))
                word = ""
            digits += character
        else:
            if digits:
                key.append((0, int(digits), digits))
                digits = ""
            word += character
    key.append((1, 0, word))
    return key

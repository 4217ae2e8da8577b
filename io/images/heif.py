"""HEIC and HEIF, as phones store photographs: by the optional package pillow-heif."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.errors import ConfigError, InputError

if TYPE_CHECKING:
    from jaxtyping import UInt8

SUFFIXES: Final = frozenset({".heic", ".heif"})
REMEDY: Final = "pip install pillow-heif"
# Of files with HEVC in them; ISO/IEC 23008-12, section 10.
_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_EXIF_MARK: Final = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class HeifHeader:
    """width, height: as the picture is shown, for it is stored with its turn. exif: TIFF's bytes,
    empty without any."""

    width: int
    height: int
    exif: bytes


def is_heif(encoded: bytes) -> bool:
    """Whether the content of a file, or its beginning, is HEIF's."""
    return encoded[4:8] == b"ftyp" and encoded[8:12] in _BRANDS


def can_read() -> bool:
    """Whether the package is there."""
    return find_spec("pillow_heif") is not None


def read_heif_header(encoded: bytes) -> HeifHeader | None:
    """Of the whole content of a file; no pixel is decoded. None of what is damaged."""
    if not can_read():
        return None
    try:
        image = _opened(encoded)
        exif = bytes(image.info.get("exif") or b"")
        width, height = image.size
        return HeifHeader(width, height, exif.removeprefix(_EXIF_MARK))
    except Exception:  # of a damaged file libheif's fault, of whatever kind
        return None


def read_heif(encoded: bytes, what: object, most_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """RGB, turned as the file says; what has more than 8 bits is brought to 8.

    what: named in a fault. InputError for what is damaged or has more than most_pixels.
    """
    try:
        image = _opened(encoded)
        width, height = image.size
        if width * height > most_pixels:
            raise InputError(
                f"{what}: {width}x{height} pixels by its header, above the "
                f"{most_pixels // 10**6} million that are read; make it smaller"
            )
        return np.array(image.to_pillow().convert("RGB"))
    except (InputError, ConfigError):
        raise
    except Exception as error:
        raise InputError(
            f"{what}: no readable HEIF image; copy or download the file again"
        ) from error


def _opened(encoded: bytes) -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise ConfigError(f"HEIC images need the package pillow-heif: {REMEDY}") from error
    return pillow_heif.open_heif(io.BytesIO(encoded), convert_hdr_to_8bit=True)

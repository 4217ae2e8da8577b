"""What the first bytes of an image file say of it, before any memory is taken for its pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
JPEG_HEAD: Final = b"\xff\xd8"
HEAD_BYTES: Final = 1 << 18  # of a file; a photograph's thumbnail and colour profile stand before

_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_RESTARTS: Final = range(0xD0, 0xD8)  # JPEG markers within the coded pixels
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of a JPEG's frame
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_ORIENTATION_TAG: Final = 274
_EXIF_TAG: Final = 34665  # where the directory of what the camera did stands
_FOCAL_TAG: Final = 41989  # FocalLengthIn35mmFilm, whole millimetres; 0 = unknown
_TAKEN_WIDTH, _TAKEN_HEIGHT = 40962, 40963  # of the picture when it was taken
_SAME_SHAPE: Final = 0.02
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS = 256, 257, 258
_PNM: Final = re.compile(rb"P[1-6f](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """width, height: of the stored pixels. bits: of one channel. channels: 0 = not looked up.

    orientation: EXIF's, 1 to 8; 1 = as stored. focal_35mm: millimetres, of a camera whose film is
    36 mm wide and that sees as much; 0 = the file does not tell.
    was_cut: the picture has not the shape any more that EXIF says it was taken with.
    was_turned: EXIF asks for a quarter turn, and by its size the picture has been turned already.
    """

    width: int
    height: int
    bits: int = 8
    channels: int = 0
    orientation: int = 1
    focal_35mm: int = 0
    was_cut: bool = False
    was_turned: bool = False

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) as a viewer that heeds the orientation shows it."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def read_header(head: bytes) -> ImageHeader | None:
    """The header in the first bytes of a file; None of a kind that is not known here."""
    for begin, reader in _READERS.items():
        if head.startswith(begin):
            try:
                return reader(head)
            except (struct.error, IndexError, ValueError):
                return None  # cut short, or nonsense
    return None


def ends_early(encoded: bytes) -> bool:
    """Whether a PNG or JPEG lacks its end mark; whatever stands behind the mark plays no part.

    Decoders accept such a part of an image and fill up what is missing.
    """
    if encoded.startswith(PNG_HEAD):
        return not _png_is_whole(encoded)
    if encoded.startswith(JPEG_HEAD):
        return not _jpeg_is_whole(encoded)
    return not encoded


def _png_is_whole(encoded: bytes) -> bool:
    place = len(PNG_HEAD)
    while place + 8 <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, place)
        place += 12 + length  # length, kind and checksum stand around the content
        if kind == b"IEND":
            return place <= len(encoded)
    return False


def _jpeg_is_whole(encoded: bytes) -> bool:
    place = 2
    while found := _MARKER.search(encoded, place):
        marker = found[1][0]
        place = found.end()
        if marker == _END:
            return True
        if marker not in _RESTARTS and marker != 1:
            if place + 2 > len(encoded):
                return False
            place += struct.unpack_from(">H", encoded, place)[0]
    return False


def _png(head: bytes) -> ImageHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", head, 16)
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 0)
    exif, place = b"", len(PNG_HEAD)
    while place + 8 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, place)
        if kind == b"eXIf":
            exif = head[place + 8 : place + 8 + length]
        place += 12 + length
    return with_exif(ImageHeader(width, height, bits, channels), exif)


def _jpeg(head: bytes) -> ImageHeader | None:
    place, exif = 2, b""
    while found := _MARKER.search(head, place):
        marker, place = found[1][0], found.end()
        if marker in _FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", head, place + 2)
            return with_exif(ImageHeader(width, height, bits, channels), exif)
        if marker in (_SCAN, _END):
            return None
        length = struct.unpack_from(">H", head, place)[0]
        if marker == _APP1 and head[place + 2 : place + 8] == b"Exif\0\0":
            exif = head[place + 8 : place + length]
        place += length
    return None


def _tiff(head: bytes) -> ImageHeader | None:
    tags = _tiff_tags(head)
    if _TIFF_WIDTH not in tags or _TIFF_HEIGHT not in tags:
        return None
    return ImageHeader(tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT], tags.get(_TIFF_BITS, 1))


def with_exif(header: ImageHeader, exif: bytes) -> ImageHeader:
    """The header with what EXIF, a TIFF's bytes, says; a focal length only of an uncut picture."""
    orientation = _tiff_tags(exif).get(_ORIENTATION_TAG, 1)
    try:
        place = _tiff_tags(exif).get(_EXIF_TAG, 0)
        tags = _tiff_tags(exif, place) if place else {}
    except struct.error:  # of a directory alone; the image's size stays known
        tags = {}
    taken = tags.get(_TAKEN_WIDTH, 0), tags.get(_TAKEN_HEIGHT, 0)
    cut = turned = False
    if min(taken) > 0:
        long, short = max(header.width, header.height), min(header.width, header.height)
        cut = abs(long / short * min(taken) / max(taken) - 1) > _SAME_SHAPE
        lies, lay = header.width / header.height, taken[0] / taken[1]
        turned = orientation >= 5 and abs(lies * lay - 1) <= _SAME_SHAPE < abs(lies / lay - 1)
    focal = 0 if cut else tags.get(_FOCAL_TAG, 0)
    return replace(
        header, orientation=orientation, focal_35mm=focal, was_cut=cut, was_turned=turned
    )


def _tiff_tags(content: bytes, place: int = 0) -> dict[int, int]:
    """The numbers of a directory, which are whole and stand alone, by tag.

    place: where it begins; 0 = the first directory.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        return {}
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    if not place:
        place = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), content, place)[0]
    place += 8 if big else 2
    tags = {}
    for entry in range(place, place + count * (20 if big else 12), 20 if big else 12):
        tag, kind = struct.unpack_from(order + "HH", content, entry)
        form = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if form is not None:
            tags[tag] = struct.unpack_from(order + form, content, entry + (12 if big else 8))[0]
    return tags


def _bmp(head: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<ii", head, 18)
    return ImageHeader(abs(width), abs(height))  # a negative height: stored from the top


def _webp(head: bytes) -> ImageHeader | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        packed = struct.unpack_from("<I", head, 21)[0]
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    return ImageHeader(width, height)


def _pnm(head: bytes) -> ImageHeader | None:
    found = _PNM.match(head)
    return ImageHeader(int(found[1]), int(found[2])) if found else None


def _exr(head: bytes) -> ImageHeader | None:
    at = head.index(b"dataWindow\0box2i\0")
    left, top, right, bottom = struct.unpack_from("<iiii", head, at + 21)
    return ImageHeader(right - left + 1, bottom - top + 1, 32)


_READERS: Final[dict[bytes, Callable[[bytes], ImageHeader | None]]] = {
    PNG_HEAD: _png,
    JPEG_HEAD: _jpeg,
    b"II": _tiff,
    b"MM": _tiff,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"\x76\x2f\x31\x01": _exr,
    b"P": _pnm,
}

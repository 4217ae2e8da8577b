"""The image files of a folder: which they are, in which order, and of which size."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.images import heif
from mapper.io.sequences.decode import read_image
from mapper.io.sequences.image_header import HEAD_BYTES, ImageHeader, read_header, with_exif

IMAGE_SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
)
DEPTH_SUFFIXES: Final = frozenset({".png", ".tif", ".tiff", ".pgm", ".pfm", ".npy", ".npz", ".exr"})
FOREIGN_SUFFIXES: Final = frozenset(
    {".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"}
)
LOOKED_AT: Final = 100  # images, spread over the folder, whose headers decide the size
FILM_WIDTH: Final = 36.0  # millimetres
# Millimetres of 36 mm film: a fisheye's is no pinhole's, and beyond a telescope's nobody maps.
PLAUSIBLE_FOCALS: Final = range(9, 1201)

_NUMBER: Final = re.compile(r"(\d+)(?:\.(\d+))?")


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The images directly in a folder, numbers in their names counting as numbers.

    suffixes: of colour images HEIF's come with them, where they can be read. Hidden files are none.
    """
    if suffixes >= IMAGE_SUFFIXES and heif.can_read():
        suffixes |= heif.SUFFIXES
    return natural_order(p for p in _shown(folder) if p.suffix.lower() in suffixes)


def _shown(folder: Path) -> Iterable[Path]:
    """What lies in a folder, without hidden files: ._x.jpg is no photograph."""
    return (p for p in folder.iterdir() if p.name[0] != ".")


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """frame2 before frame10, and 8.7 before 8.73 where the names hold fractions."""
    paths = list(paths)
    fractions = _hold_fractions(paths)
    return sorted(paths, key=lambda path: _natural_key(path, fractions))


def foreign_images(folder: Path) -> str | None:
    """A sentence about the photographs in a folder that cannot be decoded; None without any."""
    unread = FOREIGN_SUFFIXES if heif.can_read() else FOREIGN_SUFFIXES | heif.SUFFIXES
    kinds = Counter(p.suffix.lower() for p in _shown(folder) if p.suffix.lower() in unread)
    if not kinds:
        return None
    names = " and ".join(f"{count} {kind[1:].upper()}" for kind, count in sorted(kinds.items()))
    remedies = [heif.REMEDY] if heif.SUFFIXES & kinds.keys() else []
    remedies += ["convert them to JPEG or PNG"] if kinds.keys() - heif.SUFFIXES else []
    return f"{folder}: {names} images are left out; {', and '.join(remedies)}"


def spread(paths: list[Path], count: int) -> list[Path]:
    """At most so many of a list, evenly spread, its first and last among them."""
    if len(paths) <= count:
        return paths
    return [paths[i] for i in np.linspace(0, len(paths) - 1, count).astype(int)]


def header_of(path: Path, size: int = HEAD_BYTES) -> ImageHeader | None:
    """What the first `size` bytes of a file say, of HEIF all of it; None where that is nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(size)
            return _heif_header(head + file.read()) if heif.is_heif(head) else read_header(head)
    except OSError:
        return None


def _heif_header(encoded: bytes) -> ImageHeader | None:
    """Without the turn that EXIF repeats: the size is that of the turned picture."""
    found = heif.read_heif_header(encoded)
    if found is None:
        return None
    told = with_exif(ImageHeader(found.width, found.height), found.exif)
    return dataclasses.replace(told, orientation=1, was_turned=False)


def focal_share(paths: list[Path]) -> tuple[float | None, tuple[str, ...]]:
    """Focal length by EXIF, as a share of the images' longer side; None unless they all tell one
    that can be. And sentences about EXIF that contradicts the images, or itself.

    It is what photographs were taken with, to a few per cent: whole millimetres, and some makers
    go by the width, others by the diagonal.
    """
    headers = [header_of(path) for path in spread(paths, LOOKED_AT)]
    told = {header.focal_35mm if header else 0 for header in headers}
    notes = _lies(paths[0].parent, [header for header in headers if header])
    if len(told) != 1 or not told <= set(PLAUSIBLE_FOCALS):
        return None, notes
    return told.pop() / FILM_WIDTH, notes


def _lies(folder: Path, headers: list[ImageHeader]) -> tuple[str, ...]:
    """What EXIF says that cannot be so, or not of all; not what it leaves out."""
    notes = []
    told = sorted({header.focal_35mm for header in headers} - {0})
    if any(focal not in PLAUSIBLE_FOCALS for focal in told):
        notes.append(f"EXIF says a focal length of {told[-1]} mm, which cannot be: not used")
    elif len(told) > 1:
        known = ", ".join(map(str, told[:5]))
        notes.append(f"EXIF says several focal lengths ({known} mm): none is used; zoomed?")
    if cut := sum(header.was_cut for header in headers):
        notes.append(
            f"{cut} of {len(headers)} images have not the shape that EXIF says they were taken "
            "with, so its focal length is not used"
        )
    if turned := sum(header.was_turned for header in headers):
        notes.append(
            f"EXIF asks to turn {turned} of {len(headers)} images that by their size have been "
            "turned already; if they lie on their side in the map, remove the orientation from them"
        )
    return tuple(f"{folder.name}: {note}" for note in notes)


def first_size(paths: list[Path], as_stored: bool = False) -> tuple[int, int]:
    """(width, height) of most images; the first one's where none is read by its header.

    as_stored: without the turn that EXIF asks for.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for path in spread(paths, LOOKED_AT):
        header = header_of(path)
        if header is not None:
            sizes[(header.width, header.height) if as_stored else header.shown_size] += 1
    if sizes:
        return max(sizes, key=lambda size: (sizes[size], size))  # of equally many the larger
    return _decoded_size(paths, as_stored)


def _decoded_size(paths: list[Path], as_stored: bool) -> tuple[int, int]:
    """(width, height) of the first readable image among the first ten."""
    reasons = []
    for path in paths[:10]:
        try:
            height, width = read_image(path, as_stored).shape[:2]
        except InputError as error:
            reasons.append(error)
            continue
        return width, height
    raise reasons[0] if reasons else InputError("a sequence without images; check the folder")


def _hold_fractions(paths: list[Path]) -> bool:
    """Whether `8.10` in a name means 8.1 and not part 10 of 8.

    A program that prints a fraction leaves no zero at its end, unless it prints all to one
    length; a count goes over 10, 20.
    """
    fractions = [found[2] for path in paths for found in _NUMBER.finditer(path.stem) if found[2]]
    one_length = len({len(fraction) for fraction in fractions}) == 1
    return one_length or not any(len(f) > 1 and f.endswith("0") for f in fractions)


def _natural_key(path: Path, fractions: bool) -> list[tuple[int, int, str, str]]:
    """Sort key by which frame2 comes before frame10."""
    key: list[tuple[int, int, str, str]] = []
    name, place = path.stem, 0
    for found in _NUMBER.finditer(name):
        if found.start() > place:
            key.append((1, 0, "", name[place : found.start()]))
        place = found.end() if fractions else found.end(1)
        if not fractions and found[2]:
            key.append((0, int(found[1]), "", found[1]))
            key.append((1, 0, "", "."))
            key.append((0, int(found[2]), "", found[2]))
            place = found.end()
            continue
        key.append((0, int(found[1]), found[2] or "", found[1]))
    key.append((1, 0, "", name[place:] + path.suffix + "\0"))
    return key

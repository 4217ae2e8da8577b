"""TUM's lists of images by time, and the lists of associations that its tools make of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.sequences.pairing import is_named_depth
from mapper.io.text_files import content_lines

# Times larger than these count ms, us or ns: as seconds since 1970 they lie beyond the year 5000.
_LARGEST: Final = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
_ASSOCIATION: Final = re.compile(r"(\S+?)[\s,]+(.+\.\w+?)[\s,]+(\S+?)[\s,]+(.+\.\w+)")


@dataclass(frozen=True, slots=True)
class ImageList:
    """timestamps: float64 (N,), seconds, increasing. paths: N. notes: what was passed over."""

    timestamps: np.ndarray
    paths: list[Path]
    notes: tuple[str, ...] = ()


def read_image_list(path: Path) -> ImageList:
    """A list of lines `timestamp filename`, put into the order of time, each time once."""
    times: list[float] = []
    rows: list[tuple[Path, ...]] = []
    for number, line in content_lines(path):
        time, _, name = re.sub(r"[\s,;]+", " ", line, count=1).partition(" ")
        rows.append((_file(path.parent, name, f"{path}:{number}"),))
        times.append(_time(time, f"{path}:{number}"))
    return _ordered(path, times, rows)[0]


def read_associations(path: Path) -> tuple[ImageList, list[Path]]:
    """Colour images, and the depth image of each, of lines with a time and a file of both.

    Which of the two is depth, their names tell; else the second is.
    """
    times: list[float] = []
    pairs: list[tuple[Path, ...]] = []
    for number, line in content_lines(path):
        found = _ASSOCIATION.fullmatch(line)
        if found is None:
            raise InputError(f"{path}:{number}: expected `timestamp filename timestamp filename`")
        first, second = (_file(path.parent, found[i], f"{path}:{number}") for i in (2, 4))
        swapped = is_named_depth(first) and not is_named_depth(second)
        times.append(_time(found[3 if swapped else 1], f"{path}:{number}"))
        pairs.append((second, first) if swapped else (first, second))
    colors, files = _ordered(path, times, pairs)
    return colors, [depth for _, depth in files]


def in_seconds(times: np.ndarray) -> np.ndarray:
    """Times (N,) that count ms, us or ns since 1970 as seconds; others as they are."""
    largest = np.abs(times).max(initial=0.0)
    return times * next((factor for limit, factor in _LARGEST if largest > limit), 1.0)


def _time(text: str, place: str) -> float:
    try:
        time = float(text)
    except ValueError as error:
        raise InputError(f"{place}: expected `timestamp filename`") from error
    if not np.isfinite(time):
        raise InputError(f"{place}: the timestamp is not a finite number; mend the list of images")
    return time


def _file(folder: Path, name: str, place: str) -> Path:
    """The file that a list means; its name may hold spaces, or stand before further columns."""
    name = name.strip().strip("\"'").replace("\\", "/")
    if not name:
        raise InputError(f"{place}: expected `timestamp filename`")
    path = folder / name
    if (" " in name or "," in name or "\t" in name) and not path.exists():
        return folder / re.split(r"[\s,;]+", name)[0]
    return path


def _ordered(
    path: Path, times: list[float], rows: list[tuple[Path, ...]]
) -> tuple[ImageList, list[tuple[Path, ...]]]:
    """The rows (N) in order of time without those of a time that was there; colour comes first."""
    if not times:
        raise InputError(f"{path}: no images listed; the sequence is empty")
    found = in_seconds(np.array(times))
    order = np.argsort(found, kind="stable")
    kept = order[np.diff(found[order], prepend=-np.inf) > 0]
    notes = []
    if backward := int((np.diff(found) < 0).sum()):
        notes.append(f"{path.name}: the times go back {backward} times; sorted by time")
    if repeated := len(found) - len(kept):
        notes.append(f"{path.name}: {repeated} of {len(found)} lines repeat a time: passed over")
    files = [rows[i] for i in kept]
    return ImageList(found[kept], [row[0] for row in files], tuple(notes)), files

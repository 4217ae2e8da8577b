"""Finding the parts of a dataset, and saying which file was expected where."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mapper.errors import InputError
from mapper.io.sequences.image_files import DEPTH_SUFFIXES, IMAGE_SUFFIXES, list_images


def subfolders(folder: Path) -> list[Path]:
    """The visible folders directly inside a folder, sorted by name; none if it is missing."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")


def sequence_names(root: Path, expected: str, holds: Callable[[Path], bool]) -> list[str]:
    """Names of the folders in root that hold a sequence; InputError names what was expected."""
    names = [folder.name for folder in subfolders(root) if holds(folder)]
    if not names:
        raise InputError(f"{root}: no sequences here; expected {expected}")
    return names


def require_file(path: Path, what: str) -> Path:
    """The path; InputError says what should have been there if it is no file."""
    if not path.is_file():
        raise InputError(f"{path} is missing: expected {what} here")
    return path


def require_images(
    folder: Path, what: str, suffixes: frozenset[str] = IMAGE_SUFFIXES
) -> list[Path]:
    """The images of a folder in natural order; InputError if there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is missing: expected a folder with {what} here")
    paths = list_images(folder, suffixes)
    if not paths:
        raise InputError(f"{folder}: no {what} here; is the download complete?")
    return paths


def require_pairs(
    images: list[Path], folder: Path, what: str, suffixes: frozenset[str] = DEPTH_SUFFIXES
) -> list[Path]:
    """The files of a folder that go with the images by order; InputError if the counts differ."""
    paths = require_images(folder, what, suffixes)
    if len(paths) != len(images):
        raise InputError(
            f"{folder}: {len(paths)} files for {len(images)} images in {images[0].parent}; they "
            "are matched by order and must be equal in number"
        )
    return paths


def largest_selection(folder: Path, prefix: str) -> int | None:
    """The largest N of the folders prefix_N, which hold the first N frames of one selection."""
    pattern = re.compile(rf"{re.escape(prefix)}_(\d+)")
    found = [pattern.fullmatch(path.name) for path in subfolders(folder)]
    return max((int(match[1]) for match in found if match), default=None)

"""The frames of CO3D's sequences, from a prepared list or from the download; see co3d.py."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mapper.errors import InputError
from mapper.io.datasets.layout import require_file

QUALITY = 0.5  # of the viewpoints; only better sequences are kept
_SET_LIST = "set_lists/set_lists_fewview_dev.json"


@dataclass(frozen=True, slots=True)
class Annotations:
    """One category. path: the file that errors name. select: reads the frames, by sequence.

    A frame holds filepath, R, T, focal_length, principal_point; perhaps intrinsics_format, depth,
    scale_adjustment and mask.
    """

    path: Path
    sequences: tuple[str, ...]
    select: Callable[[], dict[str, list[dict[str, Any]]]]

    def frames(self, sequence: str) -> list[dict[str, Any]]:
        """In the order of the list."""
        return self.select()[sequence]

    def numbers(self, frames: list[dict[str, Any]], key: str, shape: tuple[int, ...]) -> np.ndarray:
        """float64 (N, *shape) of every frame; InputError names the file."""
        try:
            return np.array([frame[key] for frame in frames], np.float64).reshape(-1, *shape)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path}: a frame has no {key} of {shape} numbers") from error


def listed_names(root: Path, category: str) -> tuple[str, ...]:
    """The sequences of a category, sorted."""
    return _names(*_source(root, category))


def open_annotations(root: Path, category: str) -> Annotations:
    """The prepared list of a category if there is one, else its download."""
    is_list, path, modified_ns = _source(root, category)
    return (_open_list if is_list else _open_download)(path, modified_ns)


def _source(root: Path, category: str) -> tuple[bool, Path, int]:
    """Whether there is a prepared list, the file, and when that was changed."""
    for folder in (root, root / "annotations"):
        path = folder / f"{category}_test.jgz"
        if path.is_file():
            return True, path, path.stat().st_mtime_ns
    path = require_file(root / category / "frame_annotations.jgz", "the category's frames")
    return False, path, path.stat().st_mtime_ns


# Names are asked for again with every sequence, of all categories; the frames only of one category
# after the other, and those fill the memory.
@cache
def _names(is_list: bool, path: Path, modified_ns: int) -> tuple[str, ...]:
    opened = (_open_list if is_list else _open_download)(path, modified_ns)
    return tuple(sorted(opened.sequences))


@lru_cache(maxsize=1)
def _open_list(path: Path, modified_ns: int) -> Annotations:
    content = _read_json(path)
    if not isinstance(content, dict) or not all(map(_are_frames, content.values())):
        raise InputError(
            f"{path}: expected a mapping of sequences to their frames, each with its filepath; "
            "download or prepare it again"
        )
    return Annotations(path, tuple(content), lambda: content)


def _are_frames(frames: Any) -> bool:
    return isinstance(frames, list) and all(
        isinstance(frame, dict) and isinstance(frame.get("filepath"), str) for frame in frames
    )


@lru_cache(maxsize=1)
def _open_download(path: Path, modified_ns: int) -> Annotations:
    folder = path.parent
    quality_path = require_file(folder / "sequence_annotations.jgz", "the sequences' quality")
    list_path = require_file(folder / _SET_LIST, "the list of test frames")
    try:
        good = {
            entry["sequence_name"]
            for entry in _read_json(quality_path)
            if (entry["viewpoint_quality_score"] or 0.0) > QUALITY
        }
        wanted = [(str(s), int(f)) for s, f, _ in _read_json(list_path)["test"] if s in good]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{quality_path} or {list_path}: not as CO3D v2's: {error!r}") from error
    names = tuple({name for name, _ in wanted})
    return Annotations(path, names, cache(partial(_select_frames, path, wanted)))


def _select_frames(path: Path, wanted: list[tuple[str, int]]) -> dict[str, list[dict[str, Any]]]:
    """The wanted frames by sequence."""
    sequences = {name for name, _ in wanted}
    try:
        known = {
            (entry["sequence_name"], entry["frame_number"]): entry
            for entry in _read_json(path)
            if entry["sequence_name"] in sequences
        }
        selected: dict[str, list[dict[str, Any]]] = {name: [] for name in sequences}
        for key in wanted:
            selected[key[0]].append(_frame(known[key]))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: no frame or field {error}; is it CO3D version 2?") from error
    return selected


def _frame(entry: dict[str, Any]) -> dict[str, Any]:
    """A frame of the download in the form of the prepared lists."""
    frame = {"filepath": entry["image"]["path"], **entry["viewpoint"]}
    depth, mask = entry.get("depth"), entry.get("mask")
    if depth:
        frame |= {"depth": depth["path"], "scale_adjustment": depth["scale_adjustment"]}
    return frame | {"mask": mask["path"]} if mask else frame


def _read_json(path: Path) -> Any:
    opener = gzip.open if path.suffix == ".jgz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            return json.load(file)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: no readable annotations: {error}") from error

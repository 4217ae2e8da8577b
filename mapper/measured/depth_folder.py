"""A folder of depth images, each put to the frame that it was taken with."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError
from mapper.io.sequences.decode import read_depth
from mapper.io.sequences.image_files import natural_order
from mapper.io.sequences.pairing import MIN_SHARE, associate, pair_files, times_in_names

logger = logging.getLogger(__name__)

MILLIMETRES: Final = 1000.0  # depth images hold
SAME_TIME: Final = 0.5  # of the usual time between frames


@dataclass(frozen=True, slots=True, eq=False)
class MappedFrames:
    """images: the file of each; of a video all the same, or none. times: (N,), seconds. numbers:
    in the whole sequence, from 0."""

    images: tuple[Path, ...]
    times: np.ndarray
    numbers: range

    @property
    def have_names(self) -> bool:
        """Whether each has a file of its own."""
        return bool(self.images) and len(set(self.images)) == len(self.images)


class DepthFolder:
    """Depth images by the frames' names, numbers or times; by their order alone with a warning."""

    def __init__(self, folder: Path, frames: MappedFrames) -> None:
        """Raises InputError where nothing tells which image belongs to which frame."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; check --depth")
        files = (path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        paths = natural_order(files)
        if not paths:
            raise InputError(f"{folder}: there are no depth images in it")
        rows = _by_names(paths, frames) if frames.have_names else _by_moments(paths, frames)
        self._path_of = {int(frame): paths[int(depth)] for frame, depth in rows}

    def __len__(self) -> int:
        return len(self._path_of)

    def depth(self, frame: int) -> np.ndarray | None:
        """float32 (H, W), metres; whole numbers in the file are millimetres. None where no image
        belongs to the frame. frame: by the run."""
        path = self._path_of.get(frame)
        return None if path is None else read_depth(path, MILLIMETRES)


def _by_names(paths: list[Path], frames: MappedFrames) -> np.ndarray:
    """int (M, 2): rows of frames and of depth images."""
    pairs = pair_files(list(frames.images), paths)
    if pairs.how == "order":
        _warn_of_order(paths)
    return np.column_stack([pairs.color, pairs.depth])


def _by_moments(paths: list[Path], frames: MappedFrames) -> np.ndarray:
    """Of a video, whose frames have numbers and times, but no names."""
    least = max(1, MIN_SHARE * min(len(paths), len(frames.times)))
    times = times_in_names(paths)
    if times is not None:
        period = float(np.median(np.diff(frames.times))) if len(frames.times) > 1 else 0.0
        order = np.argsort(times, kind="stable")
        found = associate(frames.times, times[order], SAME_TIME * period + 1e-9)
        if len(found) >= least:
            return np.column_stack([found[:, 0], order[found[:, 1]]])
    numbers = [re.findall(r"\d+", path.stem) for path in paths]
    if times is None and all(len(each) == 1 for each in numbers):
        said = np.array([int(each[0]) for each in numbers])
        first = 1 if said.min() == 1 else 0  # many programs count from 1
        row_of = {number + first: row for row, number in enumerate(frames.numbers)}
        pairs = [(row_of[n], k) for k, n in enumerate(said.tolist()) if n in row_of]
        if len(pairs) >= least and len(np.unique(said)) == len(said):
            return np.array(sorted(pairs))
    if len(paths) == len(frames.times):
        _warn_of_order(paths)
        return np.repeat(np.arange(len(paths))[:, None], 2, axis=1)
    raise InputError(
        f"{paths[0].parent}: {len(paths)} depth images for {len(frames.times)} frames of a video, "
        f"and their names, like {paths[0].name}, tell neither the frame's number nor its time"
    )


def _warn_of_order(paths: list[Path]) -> None:
    logger.warning(
        "%s: its images are taken to belong to the frames in their order, as no name tells",
        paths[0].parent,
    )

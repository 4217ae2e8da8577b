"""What a folder that was prepared for an evaluation holds of its recording.

The scripts that come with the evaluations thin a recording, cut it after N frames and copy the rest
to rgb_N or the like. Which frames those were is told by file names or times that were kept, or by a
root folder such as long_scannet_s3 (every third); names that were counted anew do not tell it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_TIME = re.compile(r"\d+\.\d+")
_ROOT_NAME = re.compile(r"long_\w+_s([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Preparation:
    """folder: of the images. stride: frames of the recording from one image to the next.

    is_told: by names or times; otherwise stride is what such folders usually have. limit: images
    after which the script cut the selection, 0 = it did not; a folder with fewer ends with its
    recording. pose_gap: s, the largest between the times of an image and of the pose that goes with
    it by order.
    """

    folder: Path
    stride: int
    is_told: bool
    limit: int
    pose_gap: float = 0.0

    def was_cut(self, count: int) -> bool:
        """Whether a folder of `count` images may lack the end of its recording."""
        return 0 < self.limit <= count


def preparation(
    folder: Path, told: int | None, usual: int, limit: int, pose_gap: float = 0.0
) -> Preparation:
    """told: the stride that names or times tell, or None; then a root like long_tum_s1 counts."""
    stride = told or _stride_of_root(folder)
    return Preparation(folder, stride or usual, stride is not None, limit, pose_gap)


def times_of_names(images: list[Path]) -> np.ndarray | None:
    """float64 (N,), s, of names like 1311868164.363181.png; None unless all are such."""
    if not all(_TIME.fullmatch(path.stem) for path in images):
        return None
    return np.array([float(path.stem) for path in images])


def stride_of_times(timestamps: np.ndarray, rate: float) -> int | None:
    """Of times (N,), s, in a recording of `rate` frames/s.

    None: whole numbers, which count frames, or times that follow too closely to be the images' own.
    """
    if len(timestamps) < 2 or not (timestamps % 1).any():
        return None
    return round(float(np.median(np.diff(timestamps))) * rate) or None


def stride_of_names(images: list[Path]) -> int | None:
    """Of the numbers at the end of the names. None: there are none, or they were counted anew."""
    found = [_LAST_NUMBER.search(path.stem) for path in images]
    numbers = [int(match[0]) for match in found if match]
    if len(numbers) < max(2, len(images)):
        return None
    stride = round(float(np.median(np.diff(numbers))))
    counted_anew = stride == 1 and numbers[0] in (0, 1)
    return stride if stride > 0 and not counted_anew else None


def _stride_of_root(folder: Path) -> int | None:
    found = [_ROOT_NAME.fullmatch(parent.name) for parent in folder.resolve().parents]
    return next((int(match[1]) for match in found if match), None)

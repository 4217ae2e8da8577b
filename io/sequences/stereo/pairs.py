"""Which image of the right camera was taken with which of the left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.errors import InputError


@dataclass(frozen=True, slots=True)
class ImagePairs:
    """left, right: one a frame. timestamps: (N,), seconds. lonely_times: (K,), seconds, of left
    images without a right one."""

    left: tuple[Path, ...]
    right: tuple[Path, ...]
    timestamps: np.ndarray
    lonely_times: np.ndarray


def pairs_by_name(left: list[Path], right: list[Path], timestamps: np.ndarray) -> ImagePairs:
    """Images of one name; where none has another's, of equally many, by their order.

    timestamps: (N,), seconds, of the left images. InputError where neither can be.
    """
    by_name = {path.stem: path for path in right}
    both = [i for i, path in enumerate(left) if path.stem in by_name]
    if both:
        lonely = np.setdiff1d(np.arange(len(left)), both)
        partners = tuple(by_name[left[i].stem] for i in both)
        images = tuple(left[i] for i in both)
        return ImagePairs(images, partners, timestamps[both], timestamps[lonely])
    if len(left) == len(right):
        return ImagePairs(tuple(left), tuple(right), timestamps, np.empty(0))
    raise InputError(
        f"{left[0].parent}: {len(left)} images, and {len(right)} of other names in "
        f"{right[0].parent}; name the two images of a pair alike"
    )


def pairs_by_time(
    left: list[Path], left_times: np.ndarray, right: list[Path], right_times: np.ndarray
) -> ImagePairs:
    """Images of one time, seconds (N,) and (M,): cameras that are released together."""
    _, i, j = np.intersect1d(left_times, right_times, return_indices=True)
    if not len(i):
        raise InputError(
            f"{left[0].parent}: none of its images has the time of one in {right[0].parent}; the "
            "cameras of a stereo pair must be released together"
        )
    lonely = np.setdiff1d(np.arange(len(left)), i)
    images = tuple(left[k] for k in i), tuple(right[k] for k in j)
    return ImagePairs(*images, left_times[i], left_times[lonely])

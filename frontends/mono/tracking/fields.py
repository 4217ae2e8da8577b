"""Interlaced images: two fields, every other row each, one taken after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import UInt8

COLUMNS: Final = 4  # every fourth is looked at
# Times that rows differ more from their neighbours than from the next but one. Of what is seen at
# once they differ less, whatever it shows but lines of a single row.
COMBED: Final = 1.1


def is_combed(image: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether rows are of two moments: what moved between them is frayed."""
    rows = image[:, ::COLUMNS, 1].astype(np.int16)
    next_row = np.abs(rows[1:-1] - rows[:-2]).mean() + np.abs(rows[1:-1] - rows[2:]).mean()
    next_but_one = 2 * np.abs(rows[2:] - rows[:-2]).mean()
    return bool(next_row > COMBED * next_but_one)


def one_field(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image by its even rows alone, those between filled in; as it is, where it is not
    combed."""
    if not is_combed(image):
        return image
    single = image.copy()
    above, below = image[0:-2:2].astype(np.uint16), image[2::2].astype(np.uint16)
    single[1 : 1 + 2 * len(below) : 2] = (above[: len(below)] + below) // 2
    if len(image) % 2 == 0:
        single[-1] = image[-2]
    return single

"""Points that several images see, with the pixels at which they see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int, UInt8


@dataclass(frozen=True, slots=True)
class SparsePoints:
    """positions: float64 (P, 3), world frame. colors: uint8 (P, 3), RGB.

    The observations lie point after point; each point has two and more, of different images.
    starts: int (P + 1,), where those of each point begin. views: int (O,), numbers of images.
    pixels: float64 (O, 2), u v in those images. errors: float64 (O,), pixels between where the
    point is seen and where it should be.
    """

    positions: Float64[np.ndarray, "p 3"]
    colors: UInt8[np.ndarray, "p 3"]
    starts: Int[np.ndarray, " p+1"]
    views: Int[np.ndarray, " o"]
    pixels: Float64[np.ndarray, "o 2"]
    errors: Float64[np.ndarray, " o"]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def of(self) -> Int[np.ndarray, " o"]:
        """The point of each observation."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def lengths(self) -> Int[np.ndarray, " p"]:
        """How many images see each point."""
        return np.diff(self.starts)

    @property
    def mean_errors(self) -> Float64[np.ndarray, " p"]:
        """Pixels, of each point."""
        if not len(self):
            return np.zeros(0)
        return np.asarray(np.add.reduceat(self.errors, self.starts[:-1]) / self.lengths)

    def with_observations(self, kept: Bool[np.ndarray, " o"]) -> SparsePoints:
        """Only these observations, and the points that still have two."""
        of = self.of
        count = np.bincount(of[kept], minlength=len(self))
        kept = kept & (count[of] >= 2)
        lengths = count[count >= 2]
        return SparsePoints(
            self.positions[count >= 2],
            self.colors[count >= 2],
            np.concatenate([[0], np.cumsum(lengths)]),
            self.views[kept],
            self.pixels[kept],
            self.errors[kept],
        )

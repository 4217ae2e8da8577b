"""The pinhole camera of an undistorted image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """Pinhole intrinsics in pixels; pixel centres lie at integer coordinates (OpenCV).

    A point (x, y, z) in the camera frame projects to u = fx x/z + cx, v = fy y/z + cy.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not np.all(np.isfinite(values)) or self.fx <= 0 or self.fy <= 0:
            raise InputError(f"intrinsics {values} make no camera: fx and fy must be positive")
        if self.width <= 0 or self.height <= 0:
            raise InputError(f"image size {self.width}x{self.height} must be positive")

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The 3x3 matrix K, float64."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def resized(self, width: int, height: int) -> Intrinsics:
        """Intrinsics of the same view resampled to width x height (pixel-centre convention)."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(
            self.fx * sx,
            self.fy * sy,
            (self.cx + 0.5) * sx - 0.5,
            (self.cy + 0.5) * sy - 0.5,
            width,
            height,
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> Intrinsics:
        """Intrinsics of the window of the given size whose first pixel is (left, top)."""
        return Intrinsics(self.fx, self.fy, self.cx - left, self.cy - top, width, height)

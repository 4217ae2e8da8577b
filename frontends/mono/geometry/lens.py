"""A pinhole camera with a radial term and a shutter, and the only function that projects by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, UInt8

UNDISTORTING_STEPS: Final = 10


@dataclass(frozen=True, slots=True)
class Lens:
    """u = fx x (1 + k1 r^2) + cx with x = X/Z and r^2 = x^2 + y^2; v likewise.

    Pixels are of an image of width x height, their centres at integer coordinates. readout: seconds
    from its first row to its last, see rolling.py; a pose is that of the row in the middle.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    k1: float
    width: int
    height: int
    readout: float = 0.0

    @classmethod
    def of(cls, intrinsics: Intrinsics) -> Lens:
        """Of an undistorted image."""
        i = intrinsics
        return cls(i.fx, i.fy, i.cx, i.cy, 0.0, i.width, i.height)

    @classmethod
    def guessed(cls, focal: float, width: int, height: int) -> Lens:
        """Square pixels, the centre in the middle. focal: pixels."""
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, 0.0, width, height)

    @property
    def vector(self) -> Float64[np.ndarray, " 5"]:
        """float64 (6,): fx fy cx cy k1 readout, for kernels."""
        return np.array([self.fx, self.fy, self.cx, self.cy, self.k1, self.readout])

    @property
    def pinhole(self) -> Intrinsics:
        """Of the image once its distortion is removed."""
        return Intrinsics(self.fx, self.fy, self.cx, self.cy, self.width, self.height)

    def changed(self, log_focal: float, k1: float, readout: float) -> Lens:
        """Both focal lengths times exp(log_focal), and another k1 and readout."""
        factor = float(np.exp(log_focal))
        return replace(self, fx=self.fx * factor, fy=self.fy * factor, k1=k1, readout=readout)

    def rays(self, pixels: Float[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """x/z and y/z, float64 (N, 2), of what is seen at pixels (N, 2)."""
        return rays_of(self.vector, np.ascontiguousarray(pixels, np.float64))

    def pixels(self, rays: Float[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Where points with x/z and y/z (N, 2) are seen, float64 (N, 2)."""
        factor = 1 + self.k1 * (rays**2).sum(-1, keepdims=True)
        return rays * factor * [self.fx, self.fy] + [self.cx, self.cy]

    def undistorted(
        self, image: UInt8[np.ndarray, "h w *c"], width: int, height: int
    ) -> UInt8[np.ndarray, "h w *c"]:
        """The image, of this lens' size or another, as its pinhole of width x height sees it."""
        if image.shape[:2] == (height, width) and self.k1 == 0:
            return image
        small = self.pinhole.resized(width, height)
        reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if self.k1 == 0:
            return reduced
        columns, rows = _lookup(small, self.k1)
        border = cv2.BORDER_CONSTANT
        return cv2.remap(reduced, columns, rows, cv2.INTER_LINEAR, borderMode=border)

    def undistorted_mask(
        self, mask: Bool[np.ndarray, "h w"], width: int, height: int
    ) -> Bool[np.ndarray, "h w"]:
        """A mask of the image as `undistorted` shows it: False where not all is to be used."""
        white = np.where(mask, np.uint8(255), np.uint8(0))
        return np.asarray(self.undistorted(white, width, height) == 255)


def _lookup(
    camera: Intrinsics, k1: float
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Columns and rows of the distorted image for each pixel of the undistorted one."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = ((np.arange(camera.height) - camera.cy) / camera.fy)[:, None]
    factor = 1 + k1 * (x**2 + y**2)
    columns = (x * factor * camera.fx + camera.cx).astype(np.float32)
    rows = (y * factor * camera.fy + camera.cy).astype(np.float32)
    return columns, rows


@kernel(inline="always")
def project(camera, x, y, z):
    """Pixel of a point in front of the camera. camera: float64 (6,), see Lens.vector."""
    a = x / z
    b = y / z
    factor = 1.0 + camera[4] * (a * a + b * b)
    return camera[0] * a * factor + camera[2], camera[1] * b * factor + camera[3]


@kernel()
def rays_of(camera, pixels):
    """x/z and y/z, float64 (N, 2), of pixels float64 (N, 2): Newton's method on the radius."""
    rays = np.empty((len(pixels), 2))
    k1 = camera[4]
    for i in range(len(pixels)):
        x = (pixels[i, 0] - camera[2]) / camera[0]
        y = (pixels[i, 1] - camera[3]) / camera[1]
        distorted = np.sqrt(x * x + y * y)
        radius = distorted
        for _ in range(UNDISTORTING_STEPS if k1 != 0.0 else 0):
            slope = max(1.0 + 3.0 * k1 * radius * radius, 0.1)
            radius -= (radius * (1.0 + k1 * radius * radius) - distorted) / slope
        factor = radius / distorted if distorted > 1e-12 else 1.0
        rays[i, 0] = x * factor
        rays[i, 1] = y * factor
    return rays

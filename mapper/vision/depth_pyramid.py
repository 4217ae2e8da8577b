"""A depth image prepared for dense alignment: half-size levels with normals and intensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.runtime.kernels import kernel
from mapper.vision.image_sizes import SMALL_PIXELS

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Shaped, UInt8

LEVELS = 3
NORMAL_RADIUS = 2  # pixels: the window of the plane fit is 5x5
MIN_NEIGHBOURS = 8  # readings that a plane needs
MIN_LEVEL_PIXELS = SMALL_PIXELS // 4**LEVELS  # a coarser level tells too little
DEPTH_EDGE_RELATIVE = 0.03  # neighbours further apart than this share of z lie on another surface


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution. depth: float32 (h, w), 0 = none. intensity: float32 (h, w), 0..1.

    normals: float32 (h, w, 3), towards the camera, 0 where unknown.
    camera: float64 (4,), fx fy cx cy at this resolution. noise: of the depth, at full resolution.
    """

    depth: Float32[np.ndarray, "h w"]
    intensity: Float32[np.ndarray, "h w"]
    normals: Float32[np.ndarray, "h w 3"]
    camera: Float64[np.ndarray, " 4"]
    noise: DepthNoise = STRUCTURED_LIGHT


@dataclass(frozen=True, slots=True)
class DepthPyramid:
    """Levels from fine to coarse, each half the size of the one before; of a small image fewer
    than LEVELS, but at least one."""

    levels: tuple[Level, ...]

    @property
    def coarser(self) -> DepthPyramid:
        """Without the finest level, where there is another."""
        return DepthPyramid(self.levels[1:] or self.levels)


def build_pyramid(
    depth: Float32[np.ndarray, "h w"],
    image: UInt8[np.ndarray, "h w 3"],
    intrinsics: Intrinsics,
    noise: DepthNoise = STRUCTURED_LIGHT,
    finest: int = 0,
) -> DepthPyramid:
    """Pyramid of a depth image (H, W) float32 [m] and its image (H, W, 3) uint8.

    The finest level is half the input's size: averaging four readings first halves the noise
    at a quarter of the cost of every later step. Of a small image it is the input itself, and
    there are no levels of fewer than MIN_LEVEL_PIXELS but for that.

    finest: the first level that will be aligned; those below it are there, but without planes,
    which are most of the work.
    """
    intensity = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    built: list[Level] = []
    halvings = range(1, LEVELS + 1) if begins_halved(depth) else range(LEVELS)
    for number in halvings:
        if number > 0:
            if built and depth.size < 4 * MIN_LEVEL_PIXELS:
                break
            depth = halve_depth(depth, np.float32(DEPTH_EDGE_RELATIVE))
            height, width = depth.shape
            even = intensity[: 2 * height, : 2 * width]  # halving drops an odd row or column
            intensity = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
            intrinsics = intrinsics.cropped(0, 0, 2 * width, 2 * height).resized(width, height)
        camera = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy])
        smoothed, normals = depth, np.zeros((0, 0, 3), np.float32)
        if len(built) >= finest or depth.size < 4 * MIN_LEVEL_PIXELS:  # there may be no coarser one
            smoothed, normals = fit_planes(depth, camera, NORMAL_RADIUS)
        scaled = intensity.astype(np.float32) / 255.0
        built.append(Level(smoothed, scaled, normals, camera, noise))
    return DepthPyramid(tuple(built))


def begins_halved(image: Shaped[np.ndarray, "h w"]) -> bool:
    """Whether the finest level of a pyramid is half the image; else it is the image itself."""
    return image.size >= SMALL_PIXELS


@kernel()
def halve_depth(depth, edge_relative):
    """Half-size depth: mean of each 2x2 block's readings that lie on its nearest surface."""
    height, width = depth.shape[0] // 2, depth.shape[1] // 2
    halved = np.zeros((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            a = depth[2 * row, 2 * column]
            b = depth[2 * row, 2 * column + 1]
            c = depth[2 * row + 1, 2 * column]
            d = depth[2 * row + 1, 2 * column + 1]
            nearest = np.float32(1e9)
            for z in (a, b, c, d):
                if z > 0 and z < nearest:
                    nearest = z
            limit = nearest * (1 + edge_relative)
            total = np.float32(0)
            count = 0
            for z in (a, b, c, d):
                if z > 0 and z <= limit:
                    total += z
                    count += 1
            if count > 0:
                halved[row, column] = total / count
    return halved


@kernel(fastmath=True)
def fit_planes(depth, camera, radius):
    """Depth and normals of the planes that fit each pixel's neighbourhood best.

    A plane is affine in inverse depth over the image: 1/z = A x + B y + C with normalised image
    coordinates x, y, and its normal is (A, B, C). A structured-light camera's noise is even in
    inverse depth too, so plain least squares on 1/z is the right fit.
    """
    height, width = depth.shape
    if height <= 2 * radius or width <= 2 * radius:  # no pixel has a whole window
        return np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
    fx, fy, cx, cy = (
        np.float32(camera[0]),
        np.float32(camera[1]),
        np.float32(camera[2]),
        np.float32(camera[3]),
    )
    edge = np.float32(DEPTH_EDGE_RELATIVE)
    smoothed = np.zeros((height, width), np.float32)
    normals = np.zeros((height, width, 3), np.float32)
    inverse = np.zeros((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            if depth[row, column] > 0:
                inverse[row, column] = np.float32(1.0) / depth[row, column]
    # A row of pixels at a time, so that the compiler can use whole vector registers.
    window = 2 * radius + 1
    inside = np.empty((window * window, width - 2 * radius), np.float32)
    differences = np.empty((window * window, width - 2 * radius), np.float32)
    sums = np.empty((9, width - 2 * radius), np.float32)
    for row in range(radius, height - radius):
        for i in range(window):
            for j in range(window):
                _compare_row(
                    inverse[row, radius : width - radius],
                    inverse[row + i - radius, j : width - 2 * radius + j],
                    edge,
                    inside[i * window + j],
                    differences[i * window + j],
                )
        sums[:] = 0
        for i in range(window):
            for j in range(window):
                u, v = np.float32(j - radius), np.float32(i - radius)
                w, d = inside[i * window + j], differences[i * window + j]
                one = np.float32(1)
                for number, factor in enumerate((one, u, v, u * u, u * v, v * v)):
                    _add_row(sums[number], factor, w)
                for number, factor in enumerate((one, u, v)):
                    _add_row(sums[6 + number], factor, d)
        for column in range(radius, width - radius):
            centre = inverse[row, column]
            k = column - radius
            n, su, sv = sums[0, k], sums[1, k], sums[2, k]
            if centre <= 0 or n < MIN_NEIGHBOURS:
                continue
            sd = sums[6, k]
            cuu, cvv = sums[3, k] - su * su / n, sums[5, k] - sv * sv / n
            cuv = sums[4, k] - su * sv / n
            cud, cvd = sums[7, k] - su * sd / n, sums[8, k] - sv * sd / n
            determinant = cuu * cvv - cuv * cuv
            if determinant <= np.float32(1e-3) * cuu * cvv:
                continue
            du = (cvv * cud - cuv * cvd) / determinant
            dv = (cuu * cvd - cuv * cud) / determinant
            fitted = centre + (sd - du * su - dv * sv) / n
            A, B = du * fx, dv * fy
            C = fitted - A * (column - cx) / fx - B * (row - cy) / fy
            length = np.sqrt(A * A + B * B + C * C)
            if length <= 0 or fitted <= 0:
                continue
            smoothed[row, column] = np.float32(1.0) / fitted
            normals[row, column, 0] = -A / length
            normals[row, column, 1] = -B / length
            normals[row, column, 2] = -C / length
    return smoothed, normals


@kernel(fastmath=True, inline="never")
def _compare_row(centre, other, edge, inside, difference):
    """inside: 1 where the other reading lies on the centre's surface; difference: there, else 0."""
    for k in range(len(centre)):
        d = other[k] - centre[k]
        w = np.float32(1.0) if abs(d) < centre[k] * edge else np.float32(0.0)
        inside[k] = w
        difference[k] = w * d


@kernel(fastmath=True, inline="never")
def _add_row(total, factor, values):
    for k in range(len(values)):
        total[k] += factor * values[k]

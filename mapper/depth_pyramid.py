"""A depth image prepared for dense alignment: half-size levels with normals and intensity."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from mapper.intrinsics import Intrinsics

NORMAL_RADIUS = 2  # pixels: the window of the plane fit is 5x5
DEPTH_EDGE_RELATIVE = 0.03  # neighbours further apart than this share of z lie on another surface


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution. depth: float32 (h, w), 0 = none. intensity: float32 (h, w), 0..1.

    normals: float32 (h, w, 3), towards the camera, 0 where unknown.
    camera: float64 (4,), fx fy cx cy at this resolution.
    """

    depth: np.ndarray
    intensity: np.ndarray
    normals: np.ndarray
    camera: np.ndarray


@dataclass(frozen=True, slots=True)
class DepthPyramid:
    """Levels from fine to coarse, each half the size of the one before."""

    levels: tuple[Level, ...]


def build_pyramid(
    depth: np.ndarray, image: np.ndarray, intrinsics: Intrinsics, levels: int = 3
) -> DepthPyramid:
    """Pyramid of a depth image (H, W) float32 [m] and its image (H, W, 3) uint8.

    The finest level is half the input's size: averaging four readings first halves the noise
    at a quarter of the cost of every later step.
    """
    intensity = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    built = []
    for _ in range(levels):
        depth = halve_depth(depth, np.float32(DEPTH_EDGE_RELATIVE))
        height, width = depth.shape
        intensity = cv2.resize(intensity, (width, height), interpolation=cv2.INTER_AREA)
        scaled = intrinsics.resized(width, height)
        camera = np.array([scaled.fx, scaled.fy, scaled.cx, scaled.cy])
        smoothed, normals = fit_planes(depth, camera, NORMAL_RADIUS)
        built.append(Level(smoothed, intensity.astype(np.float32) / 255.0, normals, camera))
    return DepthPyramid(tuple(built))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True, fastmath=True)
def fit_planes(depth, camera, radius):
    """Depth and normals of the planes that fit each pixel's neighbourhood best.

    A plane is affine in inverse depth over the image: 1/z = A x + B y + C with normalised image
    coordinates x, y, and its normal is (A, B, C). A structured-light camera's noise is even in
    inverse depth too, so plain least squares on 1/z is the right fit.
    """
    height, width = depth.shape
    fx, fy, cx, cy = (
        np.float32(camera[0]),
        np.float32(camera[1]),
        np.float32(camera[2]),
        np.float32(camera[3]),
    )
    smoothed = np.zeros((height, width), np.float32)
    normals = np.zeros((height, width, 3), np.float32)
    inverse = np.zeros((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            if depth[row, column] > 0:
                inverse[row, column] = np.float32(1.0) / depth[row, column]
    edge = np.float32(DEPTH_EDGE_RELATIVE)
    for row in range(radius, height - radius):
        for column in range(radius, width - radius):
            centre = inverse[row, column]
            if centre <= 0:
                continue
            limit = centre * edge
            n = np.float32(0)
            su = sv = sd = np.float32(0)
            suu = suv = svv = sud = svd = np.float32(0)
            for i in range(-radius, radius + 1):
                for j in range(-radius, radius + 1):
                    difference = inverse[row + i, column + j] - centre
                    inside = np.float32(1.0) if abs(difference) < limit else np.float32(0.0)
                    u, v = np.float32(j), np.float32(i)
                    n += inside
                    su += inside * u
                    sv += inside * v
                    suu += inside * u * u
                    suv += inside * u * v
                    svv += inside * v * v
                    sd += inside * difference
                    sud += inside * u * difference
                    svd += inside * v * difference
            if n < 8:
                continue
            cuu, cvv, cuv = suu - su * su / n, svv - sv * sv / n, suv - su * sv / n
            cud, cvd = sud - su * sd / n, svd - sv * sd / n
            determinant = cuu * cvv - cuv * cuv
            if determinant < 1e-3 * cuu * cvv or determinant <= 0:
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

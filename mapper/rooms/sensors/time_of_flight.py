"""Time of flight: light that comes back over several ways, pixels between two surfaces."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from mapper.rooms.sensors.sensor import Scene, normals, patches
from mapper.runtime.kernels import kernel

METRE: Final = 4 * np.pi / 2.998e8  # radians of phase for a metre of distance and 1 Hz
COARSE: Final = 20e6 * METRE  # a low frequency tells distances apart up to 7.5 m
FINE: Final = 80e6 * METRE  # a high one measures: light from all around cancels out in it
FLOOR: Final = 0.0008  # metres: noise where there is plenty of light
PER_SQUARE: Final = 0.00013  # metres of noise at 1 m, on white, straight ahead
DARKEST: Final = 0.006  # of the amplitude at 1 m on white: below it there is no reading
BLUR: Final = 0.55  # pixels of a 640 pixel wide image over which a pixel gathers light
CELLS: Final = 20  # along a row, of the coarse view in which light is followed round corners
EDGE: Final = 0.04  # of the distance, from neighbour to neighbour across a pixel
NEAREST: Final = 0.25  # metres


def sense(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres along z, 0 = no reading.

    Each pixel sums phasors: amplitude (reflectance, cosine, inverse square of distance) and phase
    of the distance. Summed over a pixel's own area they give flying pixels at edges; summed over
    light that fell on another surface first, the bulge of corners. Noise goes with the inverse of
    the amplitude. Sources: Lange, Seitz, "Solid-state time-of-flight range camera", IEEE JQE 2001
    (noise by amplitude); Fuchs, "Multipath interference compensation in time-of-flight camera
    images", ICPR 2010 (one bounce between all visible patches); Gupta et al., "Phasor imaging",
    ACM TOG 2015 (high frequencies); Reynolds et al., "Capturing time-of-flight data with
    confidence", CVPR 2011 (flying pixels); Tölgyessy et al., "Evaluation of the Azure Kinect and
    its comparison to Kinect v1 and v2", Sensors 2021 (size of the noise).
    """
    camera = scene.camera
    stretch = _ray_lengths(scene)
    distance = scene.depth * stretch
    received = scene.slant / np.maximum(distance, 0.2) ** 2
    amplitude = scene.reflectance * received
    measured, strength = np.empty_like(distance), np.empty_like(distance)
    width = np.float32(BLUR * max(scene.scale, 0.5))
    taps = np.exp(-0.5 * (np.arange(-1, 2, dtype=np.float32) / width) ** 2)
    _gather_pixel(distance, amplitude, (taps / taps.sum()).astype(np.float32), measured, strength)
    measured += _bulge(scene, received)
    sigma = camera.noise * (FLOOR + PER_SQUARE / np.maximum(strength, 1e-4))
    measured += sigma * normals(measured.shape, rng)
    result = measured / stretch
    failed = (strength < DARKEST * camera.noise) | (result > camera.range) | (result < NEAREST)
    failed |= patches(result.shape, 3, rng) < 0.5 * scene.dropout
    result[failed | (scene.depth <= 0)] = 0
    return result


def _ray_lengths(scene: Scene) -> np.ndarray:
    """float32 (H, W): distance for a depth of 1."""
    k = scene.intrinsics
    u = (np.arange(k.width, dtype=np.float32) - np.float32(k.cx)) / np.float32(k.fx)
    v = (np.arange(k.height, dtype=np.float32) - np.float32(k.cy)) / np.float32(k.fy)
    return np.sqrt(1 + u**2 + v[:, None] ** 2)


def _bulge(scene: Scene, received: np.ndarray) -> np.ndarray:
    """float32 (H, W), metres: by how much light over one other surface lengthens the distance.

    received: of the direct light, for a reflectance of 1.
    """
    height, width = scene.depth.shape
    step = max(1, width // CELLS)
    at = slice(step // 2, None, step)
    points = _points(scene, at)
    facing, reflectance = scene.normals_at(at), scene.reflectance[at, at]
    shape = points.shape[:2]
    area = (step / scene.intrinsics.fx) ** 2 * scene.depth[at, at] ** 2
    area /= np.maximum(scene.slant[at, at], 0.1)
    sums = np.zeros((points.shape[0] * points.shape[1], 2))
    _gather(
        points.reshape(-1, 3).astype(np.float64),
        facing.reshape(-1, 3).astype(np.float64),
        reflectance.ravel().astype(np.float64),
        area.ravel().astype(np.float64),
        FINE,
        sums,
    )
    coarse = sums.reshape(*shape, 2).astype(np.float32)
    whole = (shape[1] * step, shape[0] * step)
    smooth = cv2.resize(coarse, whole, interpolation=cv2.INTER_LINEAR)
    pad = ((0, max(0, height - whole[1])), (0, max(0, width - whole[0])), (0, 0))
    smooth = np.pad(smooth, pad, mode="edge")[:height, :width]
    angle = np.arctan2(smooth[..., 1], smooth[..., 0] + np.maximum(received, 1e-4))
    return angle / np.float32(FINE)


def _points(scene: Scene, at: slice) -> np.ndarray:
    """float32 (h, w, 3), camera frame: of every so manieth pixel both ways."""
    k, z = scene.intrinsics, scene.depth[at, at]
    x = ((np.arange(k.width)[at] - k.cx) / k.fx).astype(np.float32)
    y = ((np.arange(k.height)[at] - k.cy) / k.fy).astype(np.float32)
    return np.stack([x * z, y[:, None] * z, z], axis=-1)


@kernel(error_model="numpy", fastmath=True)
def _gather_pixel(distance, amplitude, taps, measured, strength):
    """Distance and amplitude of the phasors that each pixel sums over its neighbourhood.

    Within one surface that is the pixel's own: phasors are summed at edges alone.
    """
    height, width = distance.shape
    for row in range(height):
        for column in range(width):
            own = distance[row, column]
            measured[row, column], strength[row, column] = own, amplitude[row, column]
            if not 0 < row < height - 1 or not 0 < column < width - 1:
                continue
            low = min(
                distance[row - 1, column],
                distance[row + 1, column],
                distance[row, column - 1],
                distance[row, column + 1],
            )
            high = max(
                distance[row - 1, column],
                distance[row + 1, column],
                distance[row, column - 1],
                distance[row, column + 1],
            )
            if high - low < EDGE * own:
                continue
            real, imaginary = 0.0, 0.0
            for i in range(3):
                for j in range(3):
                    d, a = (
                        distance[row + i - 1, column + j - 1],
                        amplitude[row + i - 1, column + j - 1],
                    )
                    weight = taps[i] * taps[j] * a
                    real += weight * math.cos(COARSE * d)
                    imaginary += weight * math.sin(COARSE * d)
            angle = math.atan2(imaginary, real)
            measured[row, column] = (angle if angle >= 0 else angle + 2 * math.pi) / COARSE
            strength[row, column] = math.hypot(real, imaginary)


@kernel(error_model="numpy", fastmath=True)
def _gather(points, normals, reflectance, area, radians, sums):
    """For each point the phasor of light over all others, relative to its own phase and to its
    reflectance: lamp to j, j to i, i to camera."""
    for i in range(points.shape[0]):
        zi = np.sqrt((points[i] ** 2).sum())
        if points[i, 2] <= 0:
            continue
        for j in range(points.shape[0]):
            if i == j or points[j, 2] <= 0:
                continue
            dx, dy, dz = (
                points[i, 0] - points[j, 0],
                points[i, 1] - points[j, 1],
                points[i, 2] - points[j, 2],
            )
            square = dx * dx + dy * dy + dz * dz + 0.01
            r = np.sqrt(square)
            leaving = (normals[j, 0] * dx + normals[j, 1] * dy + normals[j, 2] * dz) / r
            coming = -(normals[i, 0] * dx + normals[i, 1] * dy + normals[i, 2] * dz) / r
            if leaving <= 0 or coming <= 0:
                continue
            zj = np.sqrt((points[j] ** 2).sum())
            lit = (
                -(
                    normals[j, 0] * points[j, 0]
                    + normals[j, 1] * points[j, 1]
                    + normals[j, 2] * points[j, 2]
                )
                / zj
            )
            if lit <= 0:
                continue
            share = reflectance[j] * lit / (zj * zj) * area[j] * leaving * coming
            share /= np.pi * square
            phase = radians * 0.5 * (zj + r - zi)
            sums[i, 0] += share * np.cos(phase)
            sums[i, 1] += share * np.sin(phase)

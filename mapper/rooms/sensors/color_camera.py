"""What a colour camera makes of a picture: blur by motion, exposure, noise."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.rooms.sensors.sensor import normals
from mapper.runtime.kernels import kernel

READ_NOISE = 0.8  # grey levels
SHOT_NOISE = 0.018  # grey levels squared, for each grey level: noise is of photons counted
GRAY = (0.299, 0.587, 0.114)
TAPS = 7  # samples at most along a pixel's way; one a pixel, and one more


def blurred_by_motion(
    image: np.ndarray,
    depth: np.ndarray,
    poses: tuple[np.ndarray, np.ndarray],
    intrinsics: Intrinsics,
) -> np.ndarray:
    """uint8 (H, W, 3): the image (H, W, 3) averaged along the way of each pixel.

    poses: T_room_camera when the shutter opens and closes. depth: true, (H, W), metres.
    """
    T_close_open = inverse(poses[1]) @ poses[0]
    camera = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy])
    if _longest_way(depth, T_close_open, camera) < 0.5:
        return image
    result = np.empty_like(image)
    packed = np.empty(depth.shape, np.uint64)
    _pack(image, packed)
    _average(image, packed, depth, T_close_open, camera, TAPS, result)
    return result


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 (H, W, 3): softened by the lens, with noise that grows with the light.

    Source: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE TIP 2008.
    """
    image = cv2.GaussianBlur(image, (3, 3), 0.5)
    levels = np.sqrt(READ_NOISE**2 + SHOT_NOISE * np.arange(256)).astype(np.float32)
    result = np.empty_like(image)
    _add_noise(image, normals(image.shape[:2], rng), levels, result)
    return result


@kernel(error_model="numpy", fastmath=True)
def _add_noise(image, noise, levels, result):
    """The same noise in all three channels, its size by the green one."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            added = round(levels[image[row, column, 1]] * noise[row, column])
            for channel in range(3):
                value = image[row, column, channel] + added
                result[row, column, channel] = min(max(value, 0), 255)


def _longest_way(depth: np.ndarray, T: np.ndarray, camera: np.ndarray) -> float:
    """Pixels that the middles of a 4 x 4 grid move by, at most."""
    rows = np.linspace(0, depth.shape[0] - 1, 4).astype(int)
    columns = np.linspace(0, depth.shape[1] - 1, 4).astype(int)
    v, u = np.meshgrid(rows, columns, indexing="ij")
    z = np.maximum(depth[v, u], 0.2)
    points = np.stack([(u - camera[2]) / camera[0] * z, (v - camera[3]) / camera[1] * z, z], -1)
    moved = points @ T[:3, :3].T + T[:3, 3]
    seen = moved[..., :2] / np.maximum(moved[..., 2:], 0.05) * camera[:2] + camera[2:]
    return float(np.linalg.norm(seen - np.stack([u, v], -1), axis=-1).max())


@kernel()
def _pack(image, packed):
    """The three channels in one number, so that one sum adds up all of them."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            red, green = np.uint64(image[row, column, 0]), np.uint64(image[row, column, 1])
            blue = np.uint64(image[row, column, 2])
            packed[row, column] = red | green << np.uint64(16) | blue << np.uint64(32)


@kernel(error_model="numpy", fastmath=True)
def _average(image, packed, depth, T, camera, taps, result):
    """For each pixel the mean of the image along the way that its point moves. packed: the image,
    see `_pack`."""
    height, width = depth.shape
    ones = np.uint64(1) | np.uint64(1) << np.uint64(16) | np.uint64(1) << np.uint64(32)
    mask = np.uint64(0xFFFF)
    for row in range(height):
        y = (row - camera[3]) / camera[1]
        for column in range(width):
            z = max(float(depth[row, column]), 0.2)
            x = (column - camera[2]) / camera[0]
            X = z * (T[0, 0] * x + T[0, 1] * y + T[0, 2]) + T[0, 3]
            Y = z * (T[1, 0] * x + T[1, 1] * y + T[1, 2]) + T[1, 3]
            nearer = 1 / max(z * (T[2, 0] * x + T[2, 1] * y + T[2, 2]) + T[2, 3], 0.05)
            du = camera[0] * X * nearer + camera[2] - column
            dv = camera[1] * Y * nearer + camera[3] - row
            count = min(int(max(abs(du), abs(dv)) + 0.5) + 1, taps)
            if count == 1:
                result[row, column] = image[row, column]
                continue
            total = ones * np.uint64(count // 2)
            u, v = column - 0.5 * du + 0.5, row - 0.5 * dv + 0.5
            du, dv = du / (count - 1), dv / (count - 1)
            for _ in range(count):
                i, j = min(max(int(v), 0), height - 1), min(max(int(u), 0), width - 1)
                total += packed[i, j]
                u, v = u + du, v + dv
            for channel in range(3):
                part = np.int32(total >> np.uint64(16 * channel) & mask)
                result[row, column, channel] = part // np.int32(count)

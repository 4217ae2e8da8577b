"""What a colour camera makes of a picture: blur by motion, exposure, noise."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.runtime.kernels import kernel

READ_NOISE = 0.8  # grey levels
SHOT_NOISE = 0.018  # grey levels squared, for each grey level: noise is of photons counted
GRAY = (0.299, 0.587, 0.114)
TAPS = 7  # samples along a pixel's way


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
    _average(image, depth, T_close_open, camera, TAPS, result)
    return result


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 (H, W, 3): softened by the lens, with noise that grows with the light.

    Source: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE TIP 2008.
    """
    image = cv2.GaussianBlur(image, (3, 3), 0.5)
    levels = np.sqrt(READ_NOISE**2 + SHOT_NOISE * np.arange(256)).astype(np.float32)
    noise = levels[image[..., 1]] * rng.standard_normal(image.shape[:2], np.float32)
    rounded = np.rint(noise).astype(np.int16)
    return cv2.add(image, cv2.merge([rounded] * 3), dtype=cv2.CV_8U)


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


@kernel(error_model="numpy", fastmath=True)
def _average(image, depth, T, camera, taps, result):
    """For each pixel the mean of the image along the way that its point moves."""
    height, width = depth.shape
    for row in range(height):
        for column in range(width):
            z = max(depth[row, column], 0.2)
            x = (column - camera[2]) / camera[0] * z
            y = (row - camera[3]) / camera[1] * z
            X = T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]
            Y = T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]
            Z = max(T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3], 0.05)
            du = camera[0] * X / Z + camera[2] - column
            dv = camera[1] * Y / Z + camera[3] - row
            red, green, blue = 0.0, 0.0, 0.0
            for tap in range(taps):
                share = tap / (taps - 1) - 0.5
                u = min(max(int(column + share * du + 0.5), 0), width - 1)
                v = min(max(int(row + share * dv + 0.5), 0), height - 1)
                red += image[v, u, 0]
                green += image[v, u, 1]
                blue += image[v, u, 2]
            result[row, column, 0] = int(red / taps + 0.5)
            result[row, column, 1] = int(green / taps + 0.5)
            result[row, column, 2] = int(blue / taps + 0.5)

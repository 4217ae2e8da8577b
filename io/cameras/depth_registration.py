"""Depth and colour cameras brought to one view: undistortion and the two warps."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.runtime.kernels import kernel

FAR_DEPTH = 3.0  # metres; taken where neither the row nor the rows above have a reading


class Undistorter:
    """Removes OpenCV lens distortion; the camera matrix stays the same.

    Of a fisheye, whose image no plane can hold, the middle remains: what the matrix spans.
    """

    def __init__(
        self, intrinsics: Intrinsics, distortion: tuple[float, ...], fisheye: bool = False
    ) -> None:
        size = (intrinsics.width, intrinsics.height)
        K = intrinsics.matrix
        coefficients = np.asarray(distortion or (0.0,) * 4, np.float64)
        find = cv2.fisheye.initUndistortRectifyMap if fisheye else cv2.initUndistortRectifyMap
        u, v = find(K, coefficients, np.eye(3), K, size, cv2.CV_32FC1)
        self._smooth = cv2.convertMaps(u, v, cv2.CV_16SC2)
        self._nearest = cv2.convertMaps(u, v, cv2.CV_16SC2, nninterpolation=True)

    def image(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3), bilinear; the border pixels are repeated outwards."""
        border = cv2.BORDER_REPLICATE
        return cv2.remap(image, *self._smooth, cv2.INTER_LINEAR, borderMode=border)

    def depth(self, depth: np.ndarray) -> np.ndarray:
        """float32 (H, W), nearest neighbour: depths of two surfaces are never mixed."""
        return cv2.remap(depth, *self._nearest, cv2.INTER_NEAREST, borderValue=0)


def color_to_depth(
    image: np.ndarray,
    depth: np.ndarray,
    color_camera: Intrinsics,
    depth_camera: Intrinsics,
    T_color_depth: np.ndarray,
) -> np.ndarray:
    """The colour that the depth camera would see: uint8 (H, W, 3) of the depth camera.

    image: uint8 (h, w, 3). depth: float32 (H, W), metres. Pixels without a reading borrow the
    farther depth beside them in the row, else that of the row above. Black = outside the colour
    image. What only the depth camera sees gets the colour of what hides it.
    """
    to_color = color_camera.matrix @ T_color_depth[:3, :3] @ np.linalg.inv(depth_camera.matrix)
    offset = color_camera.matrix @ T_color_depth[:3, 3]
    warped = np.zeros((*depth.shape, 3), np.uint8)
    _sample_color(image, depth, to_color, offset, np.float32(FAR_DEPTH), warped)
    return warped


def depth_to_color(
    depth: np.ndarray,
    color_camera: Intrinsics,
    depth_camera: Intrinsics,
    T_color_depth: np.ndarray,
) -> np.ndarray:
    """The depth that the colour camera would measure: float32 (h, w) of the colour camera, metres.

    Every reading lands on the pixels that it covers there; the nearest one stays.
    """
    K_color = color_camera.matrix
    to_color = K_color @ T_color_depth[:3, :3] @ np.linalg.inv(depth_camera.matrix)
    offset = K_color @ T_color_depth[:3, 3]
    reach_u = 0.5 * max(1.0, color_camera.fx / depth_camera.fx)
    reach_v = 0.5 * max(1.0, color_camera.fy / depth_camera.fy)
    warped = np.zeros((color_camera.height, color_camera.width), np.float32)
    _splat_depth(depth, to_color, offset, reach_u, reach_v, warped)
    return warped


def color_pose(T_world_depth: np.ndarray, T_color_depth: np.ndarray) -> np.ndarray:
    """Poses (..., 4, 4) of the colour camera from those of the depth camera."""
    return T_world_depth @ inverse(T_color_depth)


@kernel(fastmath=False)
def _fill_row(row: np.ndarray, filled: np.ndarray) -> None:
    """Writes `row` to `filled`, gaps with the farther neighbour; all gap: `filled` stays."""
    width = len(row)
    last = np.float32(0.0)
    for u in range(width):
        if row[u] > 0:
            last = row[u]
        if last > 0:
            filled[u] = last
    if last == 0:
        return
    following = np.float32(0.0)
    seen = False
    for u in range(width - 1, -1, -1):
        if row[u] > 0:
            following = row[u]
            seen = True
        elif seen and following > filled[u]:
            filled[u] = following
    first = 0
    while not row[first] > 0:
        first += 1
    for u in range(first):
        filled[u] = row[first]


@kernel(fastmath=False)
def _sample_color(
    image: np.ndarray,
    depth: np.ndarray,
    to_color: np.ndarray,
    offset: np.ndarray,
    far: np.float32,
    warped: np.ndarray,
) -> None:
    """Bilinear look-up of each depth pixel's place in the colour image, a row at a time."""
    height, width = depth.shape
    filled = np.full(width, far, np.float32)
    s256 = np.empty(width, np.int32)
    t256 = np.empty(width, np.int32)
    for v in range(height):
        _fill_row(depth[v], filled)
        _place_row(filled, v, to_color, offset, image.shape[1], image.shape[0], s256, t256)
        _sample_row(image, s256, t256, warped[v])


@kernel(fastmath=False)
def _place_row(
    filled: np.ndarray,
    v: int,
    to_color: np.ndarray,
    offset: np.ndarray,
    image_width: int,
    image_height: int,
    s256: np.ndarray,
    t256: np.ndarray,
) -> None:
    """Places of the row's pixels in the colour image, 1/256 pixel; -1 = outside. No branches."""
    a, b, c = to_color[0, 0], to_color[1, 0], to_color[2, 0]
    x0 = to_color[0, 1] * v + to_color[0, 2]
    y0 = to_color[1, 1] * v + to_color[1, 2]
    z0 = to_color[2, 1] * v + to_color[2, 2]
    right, below = image_width - 1.0, image_height - 1.0
    for u in range(len(filled)):
        d = np.float64(filled[u])
        z = d * (z0 + c * u) + offset[2]
        ahead = z > 1e-6
        scale = 1.0 / (z if ahead else 1.0)
        s = (d * (x0 + a * u) + offset[0]) * scale
        t = (d * (y0 + b * u) + offset[1]) * scale
        inside = ahead & (s >= -0.5) & (s < right + 0.5) & (t >= -0.5) & (t < below + 0.5)
        s = min(max(s, 0.0), right)
        t = min(max(t, 0.0), below)
        s256[u] = np.int32(s * 256.0 + 0.5) if inside else -1
        t256[u] = np.int32(t * 256.0 + 0.5)


@kernel(fastmath=False)
def _sample_row(image: np.ndarray, s256: np.ndarray, t256: np.ndarray, warped: np.ndarray) -> None:
    """Bilinear interpolation in fixed point with 8 fractional bits; unsigned = quick indexing."""
    last_row, last_column = np.uint64(image.shape[0] - 1), np.uint64(image.shape[1] - 1)
    one, eight, mask = np.uint64(1), np.uint64(8), np.int32(255)
    for u in range(len(s256)):
        if s256[u] < 0:
            continue
        left, top = np.uint64(s256[u]) >> eight, np.uint64(t256[u]) >> eight
        right, below = min(left + one, last_column), min(top + one, last_row)
        p, q = s256[u] & mask, t256[u] & mask
        w11 = p * q
        w10 = (q << 8) - w11
        w01 = (p << 8) - w11
        w00 = 65536 - w01 - w10 - w11
        for k in range(3):
            value = w00 * image[top, left, k] + w01 * image[top, right, k]
            value += w10 * image[below, left, k] + w11 * image[below, right, k]
            warped[u, k] = (value + 32768) >> 16


@kernel(fastmath=False)
def _splat_depth(
    depth: np.ndarray,
    to_color: np.ndarray,
    offset: np.ndarray,
    reach_u: float,
    reach_v: float,
    warped: np.ndarray,
) -> None:
    """Forward warp with a z-buffer; a reading covers +-reach pixels around its place."""
    height, width = depth.shape
    color_height, color_width = warped.shape
    for v in range(height):
        for u in range(width):
            d = depth[v, u]
            if not d > 0:
                continue
            z = d * (to_color[2, 0] * u + to_color[2, 1] * v + to_color[2, 2]) + offset[2]
            if z <= 1e-6:
                continue
            s = (d * (to_color[0, 0] * u + to_color[0, 1] * v + to_color[0, 2]) + offset[0]) / z
            t = (d * (to_color[1, 0] * u + to_color[1, 1] * v + to_color[1, 2]) + offset[1]) / z
            if not (-1e6 < s < 1e6 and -1e6 < t < 1e6):
                continue
            left = max(int(np.floor(s - reach_u)) + 1, 0)
            right = min(int(np.floor(s + reach_u)), color_width - 1)
            top = max(int(np.floor(t - reach_v)) + 1, 0)
            below = min(int(np.floor(t + reach_v)), color_height - 1)
            z32 = np.float32(z)
            for y in range(top, below + 1):
                for x in range(left, right + 1):
                    if warped[y, x] == 0 or z32 < warped[y, x]:
                        warped[y, x] = z32

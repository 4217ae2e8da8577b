"""The inner loops of painting a texture, compiled by numba."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import Camera, f32, moved

NEAREST: Final = f32(0.05)  # units in front of a camera
FLATTEST: Final = f32(0.15)  # cosine to the surface's normal, below which a view shows nothing
BORDER: Final = f32(24)  # pixels along the image's border, where a view fades out
SHARPER: Final = 2  # power of a view's weight: the best ones decide, and none ends at an edge


class Surface(NamedTuple):
    """points: float32 (T, 3), of the texels. faces: int32 (T,). normals: float32 (M, 3)."""

    points: np.ndarray
    faces: np.ndarray
    normals: np.ndarray


class Photograph(NamedTuple):
    """image: uint8 (H, W, 3), of `camera`. depth: float32 (h, w), of the surface that it may show,
    0 where it shows something else, of `depth_camera`. trust: float32 (h, w), 0..1. tolerance:
    float32, share of the depth. worth: float32, of the whole image."""

    image: np.ndarray
    camera: Camera
    depth: np.ndarray
    depth_camera: Camera
    trust: np.ndarray
    tolerance: np.float32
    worth: np.float32


@kernel()
def cover(places, faces, shown):
    """Note for each texel, int32 (H, W), the face that it shows. places: float32 (N, 2), x, y of
    the vertices in texels. Texels whose middle is half a texel outside of a face count too."""
    height, width = shown.shape
    for face in range(len(faces)):
        a, b, c = places[faces[face, 0]], places[faces[face, 1]], places[faces[face, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < f32(1e-9):
            continue
        sign = f32(1) if area > 0 else f32(-1)
        left = max(int(min(a[0], b[0], c[0]) - 1), 0)
        right = min(int(max(a[0], b[0], c[0]) + 1), width - 1)
        top = max(int(min(a[1], b[1], c[1]) - 1), 0)
        bottom = min(int(max(a[1], b[1], c[1]) + 1), height - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = f32(column) + f32(0.5), f32(row) + f32(0.5)
                inner = min(
                    _inwards(a, b, x, y, sign),
                    _inwards(b, c, x, y, sign),
                    _inwards(c, a, x, y, sign),
                )
                # What another face shows with its own middle is not taken from it.
                if inner >= 0 or (inner > f32(-0.75) and shown[row, column] < 0):
                    shown[row, column] = face


@kernel(inline="always")
def _inwards(a, b, x, y, sign):
    """Texels from the side from a to b towards the inside of its triangle."""
    along_x, along_y = b[0] - a[0], b[1] - a[1]
    length = np.sqrt(along_x * along_x + along_y * along_y)
    return sign * (along_x * (y - a[1]) - along_y * (x - a[0])) / max(length, f32(1e-9))


@kernel()
def paint(surface, photograph, motion, centre, total):
    """Add what a photograph shows to the texels: float32 (T, 4), sums of weighted colours and of
    weights. motion: world to camera. centre: float32 (3,), the camera's place in the world."""
    camera, depth_camera = photograph.camera, photograph.depth_camera
    height, width = photograph.image.shape[0], photograph.image.shape[1]
    rows, columns = photograph.depth.shape
    for texel in range(len(surface.points)):
        point = surface.points[texel]
        x, y, z = moved(motion, (point[0], point[1], point[2]))
        if z <= NEAREST:
            continue
        u = camera.fx * x / z + camera.cx
        v = camera.fy * y / z + camera.cy
        edge = min(min(u, f32(width - 1) - u), min(v, f32(height - 1) - v))
        if edge <= 0:
            continue
        column = int(depth_camera.fx * x / z + depth_camera.cx + f32(0.5))
        row = int(depth_camera.fy * y / z + depth_camera.cy + f32(0.5))
        if row < 0 or column < 0 or row >= rows or column >= columns:
            continue
        seen = photograph.depth[row, column]
        if seen <= 0 or abs(seen - z) > photograph.tolerance * z:
            continue
        normal = surface.normals[surface.faces[texel]]
        dx, dy, dz = centre[0] - point[0], centre[1] - point[1], centre[2] - point[2]
        distance = np.sqrt(dx * dx + dy * dy + dz * dz)
        cosine = (dx * normal[0] + dy * normal[1] + dz * normal[2]) / distance
        if cosine < FLATTEST:
            continue
        weight = cosine / (distance * distance) * min(edge / BORDER, f32(1))
        weight *= photograph.trust[row, column] * photograph.worth
        weight = weight**SHARPER
        left, top = int(u), int(v)
        fx, fy = u - f32(left), v - f32(top)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        for k in range(3):
            above = (f32(1) - fx) * f32(photograph.image[top, left, k]) + fx * f32(
                photograph.image[top, right, k]
            )
            below = (f32(1) - fx) * f32(photograph.image[bottom, left, k]) + fx * f32(
                photograph.image[bottom, right, k]
            )
            total[texel, k] += weight * ((f32(1) - fy) * above + fy * below)
        total[texel, 3] += weight

"""Which triangle a camera sees in each pixel, and how far: exact, without a tree of boxes.

A triangle with corners a, b, c in the camera's frame is met by the ray d where d . (b x c),
d . (c x a) and d . (a x b) have one sign, and the inverse of the depth is linear in d. So a
triangle is a span of each row of pixels, also where it reaches behind the camera.
Source: Olano, Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.part import Part
from mapper.runtime.kernels import kernel

NEAR: Final = 0.01  # metres; nothing nearer is seen
TINY: Final = 1e-7  # pixels by which triangles overlap, so that no pixel falls between two


@dataclass(frozen=True, slots=True)
class Surfaces:
    """The triangles of some parts, room frame.

    vertices float64 (N, 3). faces int32 (M, 3), counter-clockwise from outside. normals float64
    (M, 3), unit length. part int32 (M,). spans int64 (P, 4): a part's first and last + 1 vertex,
    and the same of its faces. spheres float64 (P, 4): middle and radius.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    part: np.ndarray
    spans: np.ndarray
    spheres: np.ndarray

    @classmethod
    def of(cls, parts: list[Part]) -> Surfaces:
        """Of parts, numbered from 0 in their order."""
        vertices = [part.room_vertices for part in parts]
        ends = np.cumsum([0, *(len(each) for each in vertices)])
        face_ends = np.cumsum([0, *(len(part.faces) for part in parts)])
        faces = [part.faces + start for part, start in zip(parts, ends[:-1], strict=True)]
        points = np.concatenate(vertices) if parts else np.zeros((0, 3))
        corners = np.concatenate(faces).astype(np.int32) if parts else np.zeros((0, 3), np.int32)
        a, b, c = (points[corners[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        number = np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(face_ends))
        spans = np.stack([ends[:-1], ends[1:], face_ends[:-1], face_ends[1:]], 1)
        spheres = np.array([_sphere(each) for each in vertices]).reshape(-1, 4)
        return cls(points, corners, normals, number, spans.astype(np.int64), spheres)

    def joined(self, other: Surfaces) -> Surfaces:
        """These and, numbered after them, the other parts."""
        vertices, faces, parts = len(self.vertices), len(self.faces), len(self.spans)
        shift = np.array([vertices, vertices, faces, faces])
        return Surfaces(
            np.concatenate([self.vertices, other.vertices]),
            np.concatenate([self.faces, other.faces + np.int32(vertices)]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.part, other.part + np.int32(parts)]),
            np.concatenate([self.spans, other.spans + shift]),
            np.concatenate([self.spheres, other.spheres]),
        )


def rasterise(
    surfaces: Surfaces, T_room_camera: np.ndarray, intrinsics: Intrinsics
) -> tuple[np.ndarray, np.ndarray]:
    """depth float32 (H, W), metres along z, 0 = nothing there; face int32 (H, W), -1 = none.

    T_room_camera: (B, 4, 4), of B equal bands of rows from the top: what a rolling shutter sees.
    """
    height, width = intrinsics.height, intrinsics.width
    inverse_depth = np.zeros((height, width), np.float32)
    face = np.full((height, width), -1, np.int32)
    camera = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy])
    ends = band_ends(len(T_room_camera), height)
    for T, first, last in zip(T_room_camera, ends[:-1], ends[1:], strict=True):
        _draw(
            (surfaces.vertices, surfaces.faces, surfaces.spans, surfaces.spheres),
            np.ascontiguousarray(T[:3, :3]),
            np.ascontiguousarray(T[:3, 3]),
            camera,
            (int(first), int(last)),
            inverse_depth,
            face,
        )
    _invert(inverse_depth)
    return inverse_depth, face


def band_ends(bands: int, height: int) -> np.ndarray:
    """int (bands + 1,): the first row of each band, and the height."""
    return np.arange(bands + 1) * height // bands


def _sphere(points: np.ndarray) -> np.ndarray:
    middle = 0.5 * (points.min(0) + points.max(0))
    return np.array([*middle, np.linalg.norm(points - middle, axis=1).max()])


@kernel(error_model="numpy")
def _invert(numbers):
    """In place; 0 stays."""
    for row in range(numbers.shape[0]):
        for column in range(numbers.shape[1]):
            number = numbers[row, column]
            numbers[row, column] = np.float32(1) / number if number > 0 else np.float32(0)


@kernel(error_model="numpy")
def _draw(surfaces, R, t, camera, rows, inverse_depth, face):
    """Draw every part that may be seen into rows first to last - 1."""
    vertices, faces, spans, spheres = surfaces
    longest = 0
    for k in range(spans.shape[0]):
        longest = max(longest, spans[k, 1] - spans[k, 0])
    moved = np.empty((longest, 3))
    middle = np.empty(3)
    for k in range(spans.shape[0]):
        _to_camera(R, t, spheres[k], middle)
        if not _may_be_seen(middle, spheres[k, 3], camera, rows, inverse_depth.shape[1]):
            continue
        start = spans[k, 0]
        for i in range(start, spans[k, 1]):
            _to_camera(R, t, vertices[i], moved[i - start])
        for f in range(spans[k, 2], spans[k, 3]):
            a, b, c = faces[f, 0] - start, faces[f, 1] - start, faces[f, 2] - start
            _draw_triangle(moved[a], moved[b], moved[c], f, camera, rows, inverse_depth, face)


@kernel(error_model="numpy")
def _to_camera(R, t, point, result):
    x, y, z = point[0] - t[0], point[1] - t[1], point[2] - t[2]
    for i in range(3):
        result[i] = R[0, i] * x + R[1, i] * y + R[2, i] * z


@kernel(error_model="numpy")
def _may_be_seen(middle, radius, camera, rows, width):
    """Whether a sphere reaches into the pyramid of view of these rows."""
    if middle[2] + radius < NEAR:
        return False
    left, right = (-0.5 - camera[2]) / camera[0], (width - 0.5 - camera[2]) / camera[0]
    top, bottom = (rows[0] - 0.5 - camera[3]) / camera[1], (rows[1] - 0.5 - camera[3]) / camera[1]
    x, y, z = middle[0], middle[1], middle[2]
    return not (
        (x - left * z) < -radius * math.sqrt(1 + left * left)
        or (right * z - x) < -radius * math.sqrt(1 + right * right)
        or (y - top * z) < -radius * math.sqrt(1 + top * top)
        or (bottom * z - y) < -radius * math.sqrt(1 + bottom * bottom)
    )


@kernel(error_model="numpy")
def _draw_triangle(a, b, c, number, camera, rows, inverse_depth, face):
    """Write the pixels in which triangle (a, b, c), camera frame, is the nearest so far."""
    e0x, e0y, e0z = c[1] * b[2] - c[2] * b[1], c[2] * b[0] - c[0] * b[2], c[0] * b[1] - c[1] * b[0]
    volume = a[0] * e0x + a[1] * e0y + a[2] * e0z
    if volume <= 0:  # its back
        return
    e1x, e1y, e1z = a[1] * c[2] - a[2] * c[1], a[2] * c[0] - a[0] * c[2], a[0] * c[1] - a[1] * c[0]
    e2x, e2y, e2z = b[1] * a[2] - b[2] * a[1], b[2] * a[0] - b[0] * a[2], b[0] * a[1] - b[1] * a[0]
    sx, sy, sz = (e0x + e1x + e2x) / volume, (e0y + e1y + e2y) / volume, (e0z + e1z + e2z) / volume
    top, bottom = _row_range(a, b, c, camera, rows)
    for row in range(top, bottom):
        y = (row - camera[3]) / camera[1]
        low, high = 0.0, inverse_depth.shape[1] - 1.0
        low, high = _cut(e0x, e0y * y + e0z, camera, low, high)
        low, high = _cut(e1x, e1y * y + e1z, camera, low, high)
        low, high = _cut(e2x, e2y * y + e2z, camera, low, high)
        if not low - TINY <= high + TINY:
            continue
        step = sx / camera[0]
        start = sy * y + sz - step * camera[2]
        for column in range(int(math.ceil(low - TINY)), int(math.floor(high + TINY)) + 1):
            value = start + step * column
            if value > inverse_depth[row, column]:
                inverse_depth[row, column] = value
                face[row, column] = number


@kernel(error_model="numpy")
def _cut(slope, rest, camera, low, high):
    """The part of columns low .. high in which slope * x + rest >= 0, x along the ray."""
    if slope == 0:
        return (low, high) if rest >= 0 else (1.0, 0.0)
    column = camera[2] - camera[0] * rest / slope
    return (max(low, column), high) if slope > 0 else (low, min(high, column))


@kernel(error_model="numpy")
def _row_range(a, b, c, camera, rows):
    """First and last + 1 of the rows that a triangle, as far as it is before the camera, meets."""
    low, high = math.inf, -math.inf
    corners = (a, b, c)
    for i in range(3):
        p, q = corners[i], corners[(i + 1) % 3]
        if p[2] > NEAR:
            y = p[1] / p[2]
            low, high = min(low, y), max(high, y)
        if (p[2] > NEAR) != (q[2] > NEAR):
            share = (NEAR - p[2]) / (q[2] - p[2])
            y = (p[1] + share * (q[1] - p[1])) / NEAR
            low, high = min(low, y), max(high, y)
    if low > high:
        return 0, 0
    first, last = low * camera[1] + camera[3], high * camera[1] + camera[3]
    if first > rows[1] or last < rows[0]:
        return 0, 0
    return max(rows[0], int(math.ceil(first - TINY))), min(rows[1], int(last + TINY) + 1)

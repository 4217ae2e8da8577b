"""Colour, depth and surface of the sample room as a camera sees them, by ray casting."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.noise import cell_hash
from mapper.rooms.part import Part
from mapper.rooms.sample.furniture import ROOM, ROOM_SIDES
from mapper.rooms.texture import paint
from mapper.runtime.kernels import kernel
from mapper.runtime.open3d_loader import load_open3d, own_array

LAMPS: Final = np.array([[3.0, 2.5, 2.45, 0.50], [2.75, 4.7, 1.7, 0.25], [0.5, 4.4, 1.7, 0.20]])
AMBIENT: Final = 0.42
SHADOW_CELLS: Final = 72  # along each axis of a wall


class SampleRenderer:
    """Casts one ray a pixel into the parts and paints what it meets."""

    def __init__(self, parts: list[Part]) -> None:
        """parts: of the room, the first ROOM_SIDES being its floor, ceiling and walls."""
        self.dropout = np.array([part.dropout for part in parts], np.float32)
        self._open3d = load_open3d()
        self._scene = self._open3d.t.geometry.RaycastingScene()
        for part in parts:
            self._scene.add_triangles(
                self._tensor(part.room_vertices.astype(np.float32)),
                self._tensor(part.faces.astype(np.uint32)),
            )
        self._table = np.array([_table_row(part) for part in parts])
        self._shadows = self._cast_shadows()

    def render(
        self, T_world_camera: np.ndarray, intrinsics: Intrinsics
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """image uint8 (H, W, 3) RGB, depth float32 (H, W) metres along z, part int32 (H, W) and
        slant float32 (H, W), the cosine of the angle between the surface's normal and the ray."""
        size = (intrinsics.height, intrinsics.width)
        rays = _camera_rays(T_world_camera, intrinsics)
        hits = self._scene.cast_rays(self._tensor(rays.reshape(*size, 6)))
        depth = own_array(hits["t_hit"])
        part = hits["geometry_ids"].numpy().astype(np.int32)
        normals = hits["primitive_normals"].numpy()
        image, slant = np.empty((*size, 3), np.uint8), np.empty(size, np.float32)
        _shade(
            rays.reshape(*size, 6),
            depth,
            part,
            normals,
            self._table,
            self._shadows,
            1.0 / intrinsics.fx,
            image,
            slant,
        )
        return image, depth, part, slant

    def _tensor(self, array: np.ndarray) -> object:
        return self._open3d.core.Tensor.from_numpy(np.ascontiguousarray(array))

    def _cast_shadows(self) -> np.ndarray:
        """float32 (6, cells, cells): share of the lamps' light and of the open space that each
        place of floor, ceiling and walls sees."""
        rng = np.random.default_rng(11)
        points, normals = _wall_grid(SHADOW_CELLS)
        light = np.zeros(points.shape[:-1], np.float32)
        total = 0.0
        for x, y, z, strength in LAMPS:
            for _ in range(10):
                lamp = np.array([x, y, z]) + rng.uniform(-0.2, 0.2, 3)
                light += strength * self._is_open(points + 0.01 * normals, lamp - points)
                total += strength
        around = np.zeros_like(light)
        for _ in range(24):
            direction = normals + 0.98 * _unit(rng.normal(size=points.shape))
            around += self._is_open(points + 0.01 * normals, 0.5 * _unit(direction))
        return np.stack([light / total, around / 24], axis=-1)

    def _is_open(self, start: np.ndarray, way: np.ndarray) -> np.ndarray:
        """Whether nothing stands between start (..., 3) and start + way (..., 3)."""
        rays = np.concatenate([start, way], axis=-1).astype(np.float32)
        return ~self._scene.test_occlusions(self._tensor(rays), 0.0, 0.97).numpy()


def _camera_rays(T_world_camera: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """float32 (H W, 6): origins and directions in the world; z = 1 in the camera, so that the
    distance at which a ray meets a surface is the depth there."""
    u = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx
    v = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy
    R = T_world_camera[:3, :3]
    directions = u[None, :, None] * R[:, 0] + v[:, None, None] * R[:, 1] + R[:, 2]
    rays = np.empty((u.size * v.size, 6), np.float32)
    rays[:, :3] = T_world_camera[:3, 3]
    rays[:, 3:] = directions.reshape(-1, 3)
    return rays


def _table_row(part: Part) -> list[float]:
    return [
        *part.origin,
        math.cos(part.yaw),
        math.sin(part.yaw),
        *(0.5 * np.array(part.size)),
        float(part.material),
        *part.color,
        *part.accent,
    ]


def _wall_grid(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and inward normals, both (6, cells, cells, 3), in the order of the room's parts."""
    sides = ((2, 0), (2, 1), (1, 0), (1, 1), (0, 0), (0, 1))
    points = np.zeros((ROOM_SIDES, cells, cells, 3))
    normals = np.zeros_like(points)
    places = (np.arange(cells) + 0.5) / cells
    for side, (axis, end) in enumerate(sides):
        first, second = [other for other in range(3) if other != axis]
        points[side, ..., first] = places[:, None] * ROOM[first]
        points[side, ..., second] = places[None, :] * ROOM[second]
        points[side, ..., axis] = end * ROOM[axis]
        normals[side, ..., axis] = 1 - 2 * end
    return points, normals


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@kernel(error_model="numpy", fastmath=True)
def _shade(
    rays: np.ndarray,
    depth: np.ndarray,
    part: np.ndarray,
    normals: np.ndarray,
    table: np.ndarray,
    shadows: np.ndarray,
    pixel: float,
    image: np.ndarray,
    slant: np.ndarray,
) -> None:
    """Fill image and slant; pixel is the width of a pixel at depth 1."""
    place, normal, color = np.empty(3), np.empty(3), np.empty(3)
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            ray, z, k = rays[row, column], depth[row, column], part[row, column]
            if k < 0:
                image[row, column] = 0
                slant[row, column] = 0
                continue
            cosine, length = 0.0, 0.0
            for axis in range(3):
                place[axis] = ray[axis] + z * ray[3 + axis]
                normal[axis] = normals[row, column, axis]
                cosine -= normal[axis] * ray[3 + axis]
                length += ray[3 + axis] ** 2
            slant[row, column] = abs(cosine) / math.sqrt(length)
            if cosine < 0:
                normal *= -1
            _color_at(k, place, normal, table[k], z * pixel, color)
            light = _light_at(k, place, normal, shadows)
            for channel in range(3):
                image[row, column, channel] = _to_byte(light * color[channel])


@kernel(error_model="numpy", fastmath=True)
def _to_byte(value: float) -> int:
    """0..255; values above 0.8 are compressed, so that nothing clips hard."""
    if value > 0.8:
        value = 0.8 + 0.2 * (1 - math.exp(-(value - 0.8) / 0.2))
    return int(255 * max(value, 0.0) + 0.5)


@kernel(error_model="numpy", fastmath=True)
def _color_at(
    k: int,
    place: np.ndarray,
    normal: np.ndarray,
    row: np.ndarray,
    footprint: float,
    color: np.ndarray,
) -> None:
    """Write the paint's colour (0..1, RGB) at a place of part k into color."""
    c, s = row[3], row[4]
    dx, dy, dz = place[0] - row[0], place[1] - row[1], place[2] - row[2]
    x, y = c * dx + s * dy, c * dy - s * dx
    nx, ny, nz = abs(c * normal[0] + s * normal[1]), abs(c * normal[1] - s * normal[0]), normal[2]
    if abs(nz) >= max(nx, ny):
        u, v, half_u, half_v, axis = x, y, row[5], row[6], 2 if nz > 0 else 3
    elif nx >= ny:
        u, v, half_u, half_v, axis = y, dz, row[6], row[7], 0
    else:
        u, v, half_u, half_v, axis = x, dz, row[5], row[7], 1
    seed = 64 * 5 * k + 64 * axis + k
    if row[8] == 2 and half_v > half_u:  # wood's fibres run along the longer way
        u, v, half_u, half_v = v, u, half_v, half_u
    mix, light, hue = paint(int(row[8]), u, v, half_u, half_v, footprint, seed)
    for channel in range(3):
        value = (1 - mix) * row[9 + channel] + mix * row[12 + channel]
        if hue > 0:
            value = 0.35 * value + 0.65 * cell_hash(hue, channel, k)
        elif hue == -1:
            value = 0.9
        elif hue == -2:
            value = (0.30, 0.42, 0.20)[channel]
        color[channel] = value * max(light, 0.05)


@kernel(error_model="numpy", fastmath=True)
def _light_at(k: int, place: np.ndarray, normal: np.ndarray, shadows: np.ndarray) -> float:
    """Lambert's law for each lamp, with the shadows on walls, floor and ceiling."""
    direct = 0.0
    for lamp in range(LAMPS.shape[0]):
        dx = LAMPS[lamp, 0] - place[0]
        dy = LAMPS[lamp, 1] - place[1]
        dz = LAMPS[lamp, 2] - place[2]
        distance = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
        cosine = (normal[0] * dx + normal[1] * dy + normal[2] * dz) / distance
        direct += LAMPS[lamp, 3] * max(cosine, 0.0) * 3.0 / (1.0 + 0.35 * distance * distance)
    if k >= ROOM_SIDES:
        low = min(place[2] / 0.6, 1.0)
        return AMBIENT * (0.6 + 0.4 * low) * (0.85 + 0.15 * normal[2]) + direct
    first, second = 0, 1
    if k >= 2:
        first, second = (0, 2) if k < 4 else (1, 2)
    a = place[first] / ROOM[first] * SHADOW_CELLS - 0.5
    b = place[second] / ROOM[second] * SHADOW_CELLS - 0.5
    a, b = min(max(a, 0.0), SHADOW_CELLS - 1.001), min(max(b, 0.0), SHADOW_CELLS - 1.001)
    i, j = int(a), int(b)
    a, b = a - i, b - j
    seen = (1 - a) * ((1 - b) * shadows[k, i, j] + b * shadows[k, i, j + 1]) + a * (
        (1 - b) * shadows[k, i + 1, j] + b * shadows[k, i + 1, j + 1]
    )
    return AMBIENT * (0.35 + 0.65 * seen[1]) + direct * seen[0]

"""What colour a surface has, and how much light falls on it."""

from __future__ import annotations

import math

from mapper.rooms.noise import cell_hash
from mapper.rooms.texture import paint
from mapper.runtime.kernels import kernel

SAME_LIGHT = 6  # pixels along a row
# Columns of the table of parts: origin, rotation (by rows), half extents, material, colours, seed.
ROTATION, HALF, MATERIAL, COLOR, ACCENT, SEED = 3, 12, 15, 16, 19, 22


@kernel(error_model="numpy", fastmath=True)
def shade(surfaces, bands, camera, table, light, sides, image):
    """Fill image uint8 (H, W, 3).

    surfaces: depth (H, W), face (H, W), and each face's part (M,) and normal (M, 3). bands: poses
    (B, 4, 4) and ends (B + 1,) of bands of rows. camera: fx, fy, cx, cy. light: lamps (L, 4),
    shadows of the sides, the room's size (3,), ambient light and exposure. sides: number of parts
    with shadows. Of two pixels in a row that show one face, the paint of one is looked at, as with
    the mosaic of filters on a real sensor; edges are exact.
    """
    depth, face, part, normals = surfaces
    poses, ends = bands
    for band in range(poses.shape[0]):
        T = poses[band]
        for row in range(ends[band], ends[band + 1]):
            v = (row - camera[3]) / camera[1]
            lit_face, lit_until, falling = -1, 0, 0.0
            for column in range(depth.shape[1]):
                f = face[row, column]
                if f < 0:
                    for channel in range(3):
                        image[row, column, channel] = 0
                    continue
                if _is_between(face, row, column):
                    continue
                k, z = part[f], float(depth[row, column])
                u = (column - camera[2]) / camera[0]
                place = (
                    T[0, 3] + z * (u * T[0, 0] + v * T[0, 1] + T[0, 2]),
                    T[1, 3] + z * (u * T[1, 0] + v * T[1, 1] + T[1, 2]),
                    T[2, 3] + z * (u * T[2, 0] + v * T[2, 1] + T[2, 2]),
                )
                normal = (normals[f, 0], normals[f, 1], normals[f, 2])
                color = _color_at(k, place, normal, table, z / camera[0])
                # Light is smooth along a flat surface: every few pixels are enough.
                if column >= lit_until or f != lit_face:
                    falling = light[4] * _light_at(k, place, normal, light, sides)
                    lit_face, lit_until = f, column + SAME_LIGHT
                for channel in range(3):
                    image[row, column, channel] = _to_byte(falling * color[channel])
            _fill_between(face, row, image)


@kernel(error_model="numpy", fastmath=True, inline="always")
def _is_between(face, row, column):
    """Whether a pixel is one of every other that lies between two of its own face."""
    if (row + column) % 2 == 0 or not 0 < column < face.shape[1] - 1:
        return False
    f = face[row, column]
    return face[row, column - 1] == f and face[row, column + 1] == f


@kernel(error_model="numpy", fastmath=True)
def _fill_between(face, row, image):
    """Give those pixels of a row the mean of their neighbours."""
    for column in range(1 + row % 2, face.shape[1] - 1, 2):
        if face[row, column] >= 0 and _is_between(face, row, column):
            for channel in range(3):
                total = int(image[row, column - 1, channel]) + int(image[row, column + 1, channel])
                image[row, column, channel] = (total + 1) // 2


@kernel(error_model="numpy", fastmath=True, inline="always")
def _to_byte(value):
    """0..255; values above 0.8 are compressed, so that nothing clips hard."""
    if value > 0.8:
        value = 0.8 + 0.2 * (1 - math.exp(-(value - 0.8) / 0.2))
    return int(255 * max(value, 0.0) + 0.5)


@kernel(error_model="numpy", fastmath=True, inline="always")
def _to_part(table, k, x, y, z):
    """A direction of the room frame in that of part k."""
    return (
        table[k, 3] * x + table[k, 6] * y + table[k, 9] * z,
        table[k, 4] * x + table[k, 7] * y + table[k, 10] * z,
        table[k, 5] * x + table[k, 8] * y + table[k, 11] * z,
    )


@kernel(error_model="numpy", fastmath=True)
def _color_at(k, place, normal, table, footprint):
    """The paint's colour (0..1, RGB) at a place of part k. footprint: a pixel's width there."""
    dx, dy, dz = place[0] - table[k, 0], place[1] - table[k, 1], place[2] - table[k, 2]
    x, y, z = _to_part(table, k, dx, dy, dz)
    nx, ny, nz = _to_part(table, k, normal[0], normal[1], normal[2])
    half_x, half_y, half_z = table[k, HALF], table[k, HALF + 1], table[k, HALF + 2]
    if abs(nz) >= max(abs(nx), abs(ny)):
        u, v, half_u, half_v, axis = x, y, half_x, half_y, 2 if nz > 0 else 3
    elif abs(nx) >= abs(ny):
        u, v, half_u, half_v, axis = y, z, half_y, half_z, 0
    else:
        u, v, half_u, half_v, axis = x, z, half_x, half_z, 1
    seed = 64 * 5 * k + 64 * axis + k + int(table[k, SEED])
    material = int(table[k, MATERIAL])
    if material == 2 and half_v > half_u:  # wood's fibres run along the longer way
        u, v, half_u, half_v = v, u, half_v, half_u
    mix, light, hue = paint(material, u, v, half_u, half_v, footprint, seed)
    light = max(light, 0.05)
    return (
        light * _channel(table, k, 0, mix, hue),
        light * _channel(table, k, 1, mix, hue),
        light * _channel(table, k, 2, mix, hue),
    )


@kernel(error_model="numpy", fastmath=True, inline="always")
def _channel(table, k, channel, mix, hue):
    value = (1 - mix) * table[k, COLOR + channel] + mix * table[k, ACCENT + channel]
    if hue > 0:
        return 0.35 * value + 0.65 * cell_hash(hue, channel, k)
    if hue == -1:
        return 0.9
    if hue == -2:
        return (0.30, 0.42, 0.20)[channel]
    return value


@kernel(error_model="numpy", fastmath=True)
def _light_at(k, place, normal, light, sides):
    """Lambert's law for each lamp, with the shadows on walls, floor and ceiling."""
    lamps, shadows, size, ambient, _ = light
    direct = 0.0
    for lamp in range(lamps.shape[0]):
        dx = lamps[lamp, 0] - place[0]
        dy = lamps[lamp, 1] - place[1]
        dz = lamps[lamp, 2] - place[2]
        distance = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
        cosine = (normal[0] * dx + normal[1] * dy + normal[2] * dz) / distance
        direct += lamps[lamp, 3] * max(cosine, 0.0) * 3.0 / (1.0 + 0.35 * distance * distance)
    if k >= sides:
        low = min(place[2] / 0.6, 1.0)
        return ambient * (0.6 + 0.4 * low) * (0.85 + 0.15 * normal[2]) + direct
    first, second = 0, 1
    if k >= 2:
        first, second = (0, 2) if k < 4 else (1, 2)
    cells = shadows.shape[1]
    a = place[first] / size[first] * cells - 0.5
    b = place[second] / size[second] * cells - 0.5
    a, b = min(max(a, 0.0), cells - 1.001), min(max(b, 0.0), cells - 1.001)
    i, j = int(a), int(b)
    a, b = a - i, b - j
    around, lit = 0.0, 0.0
    for di in range(2):
        for dj in range(2):
            weight = (a if di else 1 - a) * (b if dj else 1 - b)
            lit += weight * shadows[k, i + di, j + dj, 0]
            around += weight * shadows[k, i + di, j + dj, 1]
    return ambient * (0.35 + 0.65 * around) + direct * lit

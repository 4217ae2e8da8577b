"""What colour a surface has, and how much light falls on it."""

from __future__ import annotations

import math

from mapper.rooms.noise import cell_hash
from mapper.rooms.texture import paint
from mapper.runtime.kernels import kernel

# Columns of the table of parts: origin, rotation (by rows), half extents, material, colours, seed.
ROTATION, HALF, MATERIAL, COLOR, ACCENT, SEED = 3, 12, 15, 16, 19, 22


@kernel(error_model="numpy", fastmath=True)
def shade(surface, bands, camera, table, light, sides, image):
    """Fill image uint8 (H, W, 3).

    surface: depth (H, W), part (H, W) and normals (H, W, 3), as in View. bands: poses (B, 4, 4)
    and ends (B + 1,) of bands of rows. camera: fx, fy, cx, cy. light: lamps (L, 4), shadows of the
    sides, the room's size (3,), ambient light and exposure. sides: number of parts with shadows.
    """
    depth, part, normals = surface
    poses, ends = bands
    for band in range(poses.shape[0]):
        T = poses[band]
        for row in range(ends[band], ends[band + 1]):
            v = (row - camera[3]) / camera[1]
            for column in range(depth.shape[1]):
                k, z = part[row, column], float(depth[row, column])
                if k < 0:
                    continue
                u = (column - camera[2]) / camera[0]
                place = (
                    T[0, 3] + z * (u * T[0, 0] + v * T[0, 1] + T[0, 2]),
                    T[1, 3] + z * (u * T[1, 0] + v * T[1, 1] + T[1, 2]),
                    T[2, 3] + z * (u * T[2, 0] + v * T[2, 1] + T[2, 2]),
                )
                n = normals[row, column]
                normal = (float(n[0]), float(n[1]), float(n[2]))
                color = _color_at(k, place, normal, table[k], z / camera[0])
                falling = light[4] * _light_at(k, place, normal, light, sides)
                for channel in range(3):
                    image[row, column, channel] = _to_byte(falling * color[channel])


@kernel(error_model="numpy", fastmath=True)
def _to_byte(value):
    """0..255; values above 0.8 are compressed, so that nothing clips hard."""
    if value > 0.8:
        value = 0.8 + 0.2 * (1 - math.exp(-(value - 0.8) / 0.2))
    return int(255 * max(value, 0.0) + 0.5)


@kernel(error_model="numpy", fastmath=True)
def _to_part(row, x, y, z):
    """A direction of the room frame in the part's."""
    return (
        row[3] * x + row[6] * y + row[9] * z,
        row[4] * x + row[7] * y + row[10] * z,
        row[5] * x + row[8] * y + row[11] * z,
    )


@kernel(error_model="numpy", fastmath=True)
def _color_at(k, place, normal, row, footprint):
    """The paint's colour (0..1, RGB) at a place of part k. footprint: a pixel's width there."""
    x, y, z = _to_part(row, place[0] - row[0], place[1] - row[1], place[2] - row[2])
    nx, ny, nz = _to_part(row, normal[0], normal[1], normal[2])
    half = row[HALF : HALF + 3]
    if abs(nz) >= max(abs(nx), abs(ny)):
        u, v, half_u, half_v, axis = x, y, half[0], half[1], 2 if nz > 0 else 3
    elif abs(nx) >= abs(ny):
        u, v, half_u, half_v, axis = y, z, half[1], half[2], 0
    else:
        u, v, half_u, half_v, axis = x, z, half[0], half[2], 1
    seed = 64 * 5 * k + 64 * axis + k + int(row[SEED])
    if row[MATERIAL] == 2 and half_v > half_u:  # wood's fibres run along the longer way
        u, v, half_u, half_v = v, u, half_v, half_u
    mix, light, hue = paint(int(row[MATERIAL]), u, v, half_u, half_v, footprint, seed)
    light = max(light, 0.05)
    return (
        light * _channel(row, 0, mix, hue, k),
        light * _channel(row, 1, mix, hue, k),
        light * _channel(row, 2, mix, hue, k),
    )


@kernel(error_model="numpy", fastmath=True)
def _channel(row, channel, mix, hue, k):
    value = (1 - mix) * row[COLOR + channel] + mix * row[ACCENT + channel]
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

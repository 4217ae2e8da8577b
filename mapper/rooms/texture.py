"""The paint of a room: colour as a function of the place on a part's surface."""

from __future__ import annotations

import math

from mapper.rooms.noise import cell_hash, joint, layered_noise, spots, value_noise
from mapper.runtime.kernels import kernel

# Every painter takes u, v (metres from the middle of a side), the side's half extents in metres
# where it needs them, the pixel's footprint (metres) and a seed, and returns (mix, light): the
# share of the accent colour in 0..1 and a factor on the result.


@kernel(error_model="numpy", fastmath=True)
def paint(
    material: int, u: float, v: float, half_u: float, half_v: float, footprint: float, seed: int
) -> tuple[float, float, int]:
    """(mix, light, hue): hue 0 keeps the part's colour, else it is the seed of another one."""
    if material == 0:
        return _plaster(u, v, footprint, seed)
    if material == 1:
        return _planks(u, v, footprint, seed)
    if material == 2:
        return 0.0, _grain(u, v, footprint, seed), 0
    if material == 3:
        return _tiles(u, v, footprint, seed)
    if material == 4:
        return _fabric(u, v, footprint, seed)
    if material == 5:
        return _poster(u, v, half_u, half_v, footprint, seed)
    if material == 6:
        return _label(u, v, half_u, half_v, footprint, seed)
    if material == 7:
        return _rug(u, v, half_u, half_v, footprint, seed)
    if material == 8:
        return _leaves(u, v, footprint, seed)
    if material == 9:
        return 0.0, 1.0 + 0.3 * layered_noise(4 * u, 4 * v, 2, 4 * footprint, seed), 0
    if material == 10:
        return _sky(u, v, half_v, footprint, seed)
    if material == 11:
        return _brick(u, v, footprint, seed)
    if material == 12:
        return _wallpaper(u, v, footprint, seed)
    if material == 14:
        return 0.0, 1.0, 0
    return 0.0, 1.0 + 0.12 * layered_noise(30 * u, 30 * v, 3, 30 * footprint, seed), 0


@kernel(error_model="numpy", fastmath=True)
def _plaster(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    broad = 0.22 * layered_noise(2.2 * u, 2.2 * v, 2, 2.2 * footprint, seed)
    fine = 0.20 * layered_noise(45 * u, 45 * v, 3, 45 * footprint, seed + 9)
    dots = 0.28 * spots(22 * u, 22 * v, 0.30, 22 * footprint, seed + 20)
    marks = 0.18 * spots(5 * u, 5 * v, 0.25, 5 * footprint, seed + 30)
    return 0.0, 1.0 + broad + fine + min(dots, 0.05) + min(marks, 0.05), 0


@kernel(error_model="numpy", fastmath=True)
def _grain(u: float, v: float, footprint: float, seed: int) -> float:
    """Wood, its fibres along u: rings bent by noise, streaks and pores."""
    bend = value_noise(1.5 * u, 6 * v, seed)
    rings = math.sin(2 * math.pi * (22 * v + 3.5 * bend)) * max(0.0, 1 - 60 * footprint)
    streaks = layered_noise(5 * u, 90 * v, 3, 90 * footprint, seed + 5)
    knots = spots(4 * u, 9 * v, 0.16, 9 * footprint, seed + 11)
    return 1.0 + 0.14 * rings + 0.40 * streaks - 0.45 * abs(knots)


@kernel(error_model="numpy", fastmath=True)
def _planks(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    row = math.floor(v / 0.14)
    shift = cell_hash(int(row), 3, seed)
    column = math.floor(u / 1.1 + shift)
    tone = cell_hash(int(row), int(column), seed + 1)
    lines = max(
        joint(v / 0.14, 0.035, footprint / 0.14), joint(u / 1.1 + shift, 0.005, footprint / 1.1)
    )
    plank = seed + int(1000 * tone)
    return 0.75 * lines, (0.72 + 0.5 * tone) * _grain(u, v, footprint, plank), 0


@kernel(error_model="numpy", fastmath=True)
def _tiles(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    size = 0.6 if seed % 64 == 1 else 0.05  # the ceiling's panels, or glazed squares
    lines = max(joint(u / size, 0.03, footprint / size), joint(v / size, 0.03, footprint / size))
    tone = cell_hash(int(math.floor(u / size)), int(math.floor(v / size)), seed)
    light = 0.9 + (0.06 if size > 0.5 else 0.4) * tone
    light += 0.12 * layered_noise(40 * u, 40 * v, 2, 40 * footprint, seed)
    light += 0.35 * min(spots(28 * u, 28 * v, 0.4, 28 * footprint, seed + 7), 0.0)
    return 0.5 * lines, light, 0


@kernel(error_model="numpy", fastmath=True)
def _fabric(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    weave = joint(60 * (u + v), 0.4, 60 * footprint) + joint(60 * (u - v), 0.4, 60 * footprint)
    folds = 0.25 * layered_noise(6 * u, 6 * v, 3, 6 * footprint, seed)
    lint = 0.35 * layered_noise(120 * u, 120 * v, 2, 120 * footprint, seed + 4)
    return 0.0, 1.0 - 0.12 * weave + folds + lint, 0


@kernel(error_model="numpy", fastmath=True)
def _poster(
    u: float, v: float, half_u: float, half_v: float, footprint: float, seed: int
) -> tuple[float, float, int]:
    """A painting: a white mount, then patches, dots and strokes in colours of their own."""
    if max(abs(u) - half_u, abs(v) - half_v) > -0.035 and min(half_u, half_v) > 0.12:
        return 0.0, 1.0, -1
    bend_u = u + 0.10 * value_noise(7 * u, 7 * v, seed)
    bend_v = v + 0.10 * value_noise(7 * u, 7 * v, seed + 1)
    i, j = int(math.floor(bend_u / 0.13)), int(math.floor(bend_v / 0.11))
    hue = 1 + int(4000 * cell_hash(i, j, seed + 2))
    dot = spots(14 * u, 14 * v, 0.55, 14 * footprint, seed + 3)
    if abs(dot) > 0.2:
        hue = 1 + int(4000 * abs(dot))
    small = spots(40 * u, 40 * v, 0.3, 40 * footprint, seed + 12)
    strokes = layered_noise(25 * u, 70 * v, 3, 70 * footprint, seed + 8)
    return 0.0, 1.0 + 0.35 * strokes + 0.6 * small, hue


@kernel(error_model="numpy", fastmath=True)
def _label(
    u: float, v: float, half_u: float, half_v: float, footprint: float, seed: int
) -> tuple[float, float, int]:
    """Cardboard or cloth with a title: rows of marks like letters, and a band near an end."""
    light = 1.0 + 0.20 * layered_noise(35 * u, 35 * v, 3, 35 * footprint, seed)
    along, across, half_along, half_across = u, v, half_u, half_v
    if half_v > half_u:
        along, across, half_along, half_across = v, u, half_v, half_u
    band = half_along * (0.55 + 0.3 * cell_hash(1, 2, seed))
    if abs(abs(along) - band) < 0.03 * half_along + 0.002:
        return 0.8, light, 0
    line = 0.5 * min(half_across, 0.05)
    row = int(math.floor(across / line))
    letter = int(math.floor(along / (0.55 * line)))
    inside = abs(along) < 0.45 * half_along and abs(across) < 0.8 * half_across
    if inside and row % 2 == 0 and footprint < line and cell_hash(letter, row, seed) > 0.42:
        return 0.85, light, 0
    return 0.0, light, 0


@kernel(error_model="numpy", fastmath=True)
def _rug(
    u: float, v: float, half_u: float, half_v: float, footprint: float, seed: int
) -> tuple[float, float, int]:
    unit = min(half_u, half_v) / 5
    edge = min(half_u - abs(u), half_v - abs(v)) / unit
    mix = 0.0
    if 0.4 < edge < 0.6 or 1.3 < edge < 1.45:
        mix = 1.0
    elif edge >= 1.45:
        a, b = u / unit, v / unit
        diamond = abs(a - 2 * math.floor(a / 2) - 1) + abs(b - 2 * math.floor(b / 2) - 1)
        chosen = cell_hash(int(math.floor(a / 2)), int(math.floor(b / 2)), seed)
        mix = 0.85 if 0.35 + 0.3 * chosen < diamond < 0.75 + 0.3 * chosen else 0.0
        mix = 0.6 if diamond < 0.3 * chosen else mix
    pile = 0.5 * layered_noise(90 * u, 90 * v, 2, 90 * footprint, seed)
    wear = 0.3 * layered_noise(3 * u, 3 * v, 3, 3 * footprint, seed + 3)
    return mix, 1.0 + pile + wear, 0


@kernel(error_model="numpy", fastmath=True)
def _leaves(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    veins = joint(9 * u + value_noise(8 * u, 8 * v, seed), 0.16, 9 * footprint)
    mottle = 0.9 * layered_noise(28 * u, 28 * v, 3, 28 * footprint, seed)
    return 0.0, 1.0 + mottle + 0.4 * veins, 0


@kernel(error_model="numpy", fastmath=True)
def _sky(
    u: float, v: float, half_v: float, footprint: float, seed: int
) -> tuple[float, float, int]:
    """A print of hills under clouds that serves as the view from the window."""
    ridge = -0.35 * half_v + 0.5 * layered_noise(2 * u, 0.5, 4, 2 * footprint, seed)
    if v < ridge:
        trees = layered_noise(18 * u, 18 * v, 4, 18 * footprint, seed + 2)
        return 0.0, 0.75 + 0.8 * trees, -2
    clouds = layered_noise(3 * u, 7 * v, 4, 7 * footprint, seed + 5)
    return 0.0, 1.15 + 0.6 * max(clouds, -0.1), 0


@kernel(error_model="numpy", fastmath=True)
def _brick(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    row = math.floor(v / 0.075)
    shifted = u / 0.24 + 0.5 * (row % 2)
    tone = cell_hash(int(row), int(math.floor(shifted)), seed)
    lines = max(joint(v / 0.075, 0.16, footprint / 0.075), joint(shifted, 0.05, footprint / 0.24))
    rough = 0.4 * layered_noise(40 * u, 40 * v, 3, 40 * footprint, seed + 1)
    pits = 0.4 * min(spots(50 * u, 50 * v, 0.4, 50 * footprint, seed + 5), 0.0)
    return lines, (0.65 + 0.7 * tone) * (1 - lines) + lines + rough + pits, 0


@kernel(error_model="numpy", fastmath=True)
def _wallpaper(u: float, v: float, footprint: float, seed: int) -> tuple[float, float, int]:
    twist = 0.5 * value_noise(5 * u, 5 * v, seed)
    leaf = abs(spots(9 * u + twist, 6 * v - twist, 0.75, 9 * footprint, seed + 1))
    berry = abs(spots(24 * u, 24 * v, 0.25, 24 * footprint, seed + 8))
    paper = 0.14 * layered_noise(50 * u, 50 * v, 3, 50 * footprint, seed + 15)
    return min(0.9 * leaf + 0.6 * berry, 1.0), 1.0 + paper, 0

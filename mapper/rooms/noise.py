"""Hashes, value noise and cell patterns: the grain of a room's textures."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mapper.runtime.kernels import kernel

PERIOD: Final = 256  # a power of two
MASK: Final = PERIOD - 1
# Looked up, as a hash for each corner of a cell would take most of the time of a picture.
LATTICE: Final = np.pad(
    np.random.default_rng(3).random((PERIOD, PERIOD), np.float32) - np.float32(0.5),
    ((0, 1), (0, 1)),
    mode="wrap",
)


@kernel(error_model="numpy", fastmath=True)
def cell_hash(i: int, j: int, seed: int) -> float:
    """A number in [0, 1) that depends on the cell (i, j) and the seed only."""
    h = (i * 73856093 ^ j * 19349663 ^ seed * 83492791) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    h = ((h ^ (h >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return ((h ^ (h >> 15)) & 0xFFFFFF) / 16777216.0


@kernel(error_model="numpy", fastmath=True)
def value_noise(u, v, seed):
    """Smooth noise in [-0.5, 0.5] with features one unit wide; it repeats after PERIOD units."""
    i, j = math.floor(u), math.floor(v)
    a, b = u - i, v - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    column, row = (int(i) + 97 * seed) & MASK, (int(j) + 61 * seed + (seed >> 8)) & MASK
    low = LATTICE[row, column] * (1 - a) + LATTICE[row, column + 1] * a
    high = LATTICE[row + 1, column] * (1 - a) + LATTICE[row + 1, column + 1] * a
    return low * (1 - b) + high * b


@kernel(error_model="numpy", fastmath=True)
def layered_noise(u: float, v: float, octaves: int, footprint: float, seed: int) -> float:
    """Octaves of value noise; each fades as the pixel's footprint nears its features' width."""
    total, amplitude = 0.0, 1.0
    for octave in range(octaves):
        fade = 1.5 - 2.0 * footprint
        if fade <= 0:
            break
        total += amplitude * min(fade, 1.0) * value_noise(u, v, seed + octave)
        u, v, footprint = 2.13 * u + 7.3, 2.13 * v + 3.1, 2.13 * footprint
        amplitude *= 0.62
    return total


@kernel(error_model="numpy", fastmath=True)
def spots(u: float, v: float, share: float, footprint: float, seed: int) -> float:
    """Dots, at most one a unit cell: 0 outside, else -1..1, another value for each dot."""
    i, j = math.floor(u), math.floor(v)
    a, b = u - i - 0.5, v - j - 0.5
    i, j = int(i), int(j)
    if cell_hash(i, j, seed) > share or footprint > 0.6:
        return 0.0
    radius = 0.12 + 0.22 * cell_hash(i, j, seed + 1)
    room = 0.5 - radius
    a -= room * (2 * cell_hash(i, j, seed + 2) - 1)
    b -= room * (2 * cell_hash(i, j, seed + 3) - 1)
    edge = (radius - math.sqrt(a * a + b * b)) / max(footprint, 0.03) + 0.5
    strength = 2 * cell_hash(i, j, seed + 4) - 1
    strength = math.copysign(0.4 + 0.6 * abs(strength), strength)
    return min(max(edge, 0.0), 1.0) * strength


@kernel(error_model="numpy", fastmath=True)
def joint(u: float, width: float, footprint: float) -> float:
    """1 on the line u = integer, of the given width, 0 away from it; soft at the pixel's width."""
    distance = 0.5 - abs(u - math.floor(u) - 0.5)
    soft = max(footprint, 0.25 * width)
    return min(max((0.5 * width - distance) / soft + 0.5, 0.0), 1.0) * min(1.0, width / soft)

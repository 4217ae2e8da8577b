"""What stands in the sample room: walls, furniture and the things on it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from mapper.rooms.part import Material, Part, box, cylinder, ellipsoid
from mapper.rooms.room import Room
from mapper.rooms.sample.walls import (
    BLACK,
    DARK_OAK,
    OAK,
    ROOM,
    WALNUT,
    WHITE,
    enclosure,
    wall_things,
)

LAMPS: Final = ((3.0, 2.5, 2.45, 0.50), (2.75, 4.7, 1.7, 0.25), (0.5, 4.4, 1.7, 0.20))
AMBIENT: Final = 0.42
Place = tuple[float, float, float]  # x, y and the turn about z, metres and radians
# Where the furniture stands.
PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "shelf": (0.20, 2.55, 0.0),
        "sofa": (2.55, 0.47, 0.0),
        "coffee table": (2.75, 1.40, 0.12),
        "dining table": (4.75, 3.80, 0.08),
        "chair": (3.95, 3.75, -1.70),
        "second chair": (4.90, 3.08, 0.15),
        "third chair": (4.95, 4.50, 3.00),
        "television": (5.75, 1.70, 0.0),
        "plant": (0.50, 0.50, 0.4),
        "lamp": (0.45, 4.45, 0.0),
        "cartons": (5.45, 0.45, 0.25),
    }
)


def sample_room(changed: Mapping[str, Place | None] = MappingProxyType({})) -> Room:
    """The room with everything in it. changed: where a piece of furniture, by its name in PLACES,
    stands instead; None = it is gone."""
    return Room(ROOM, tuple(_parts({**PLACES, **changed})), np.array(LAMPS), AMBIENT)


def _parts(places: Mapping[str, Place | None]) -> list[Part]:
    """Every part of the room, in room coordinates, the sides first."""
    pieces = {
        "shelf": _shelf,
        "sofa": _sofa,
        "coffee table": _coffee_table,
        "dining table": _dining_table,
        "chair": _chair,
        "second chair": _chair,
        "third chair": _chair,
        "television": _television,
        "plant": _plant,
        "lamp": _lamp,
        "cartons": _cartons,
    }
    furniture = [
        part.placed(place[0], place[1], 0.0, place[2])
        for name, place in places.items()
        if place is not None
        for part in pieces[name]()
    ]
    return enclosure() + wall_things() + furniture


def _shelf() -> list[Part]:
    """A bookshelf 1.7 m wide along y, its back to x < 0."""
    width, depth, height = 1.7, 0.32, 2.0
    parts = [box((-0.15, 0, height / 2), (0.02, width, height), Material.WOOD, DARK_OAK)]
    for y in (-width / 2, 0.0, width / 2):
        parts.append(box((0, y, height / 2), (depth, 0.03, height), Material.WOOD, OAK))
    levels = (0.06, 0.45, 0.84, 1.22, 1.60, 1.985)
    for z in levels:
        parts.append(box((0, 0, z), (depth, width, 0.03), Material.WOOD, OAK))
    for level, z in enumerate(levels[:-1]):
        for bay in range(2):
            parts += _books(level * 2 + bay, -width / 2 + bay * width / 2, z + 0.015)
    parts.append(box((0, 0.4, 2.13), (0.28, 0.4, 0.26), Material.LABEL, (0.70, 0.55, 0.36)))
    parts.append(ellipsoid((0, -0.45, 2.15), (0.3, 0.3, 0.3), Material.LEAVES, (0.25, 0.45, 0.7)))
    return parts


def _books(bay: int, start: float, z: float) -> list[Part]:
    """Books of random size and colour from start to the next upright of the shelf."""
    rng = np.random.default_rng(100 + bay)
    parts, y, end = [], start + 0.03, start + 0.82 - 0.25 * (bay % 3 == 1)
    while y < end:
        thickness, height = rng.uniform(0.02, 0.055), rng.uniform(0.19, 0.31)
        depth = rng.uniform(0.16, 0.24)
        center = (0.13 - depth / 2 - rng.uniform(0, 0.03), y + thickness / 2, z + height / 2)
        color, accent = rng.uniform(0.12, 0.85, 3), rng.uniform(0.1, 0.95, 3)
        size = (depth, thickness - 0.002, height)
        part = box(center, size, Material.LABEL, tuple(color), accent=tuple(accent))
        parts.append(part)
        y += thickness
    if bay % 3 == 1:
        parts.append(
            box((0, start + 0.73, z + 0.09), (0.22, 0.17, 0.18), Material.POSTER, (0.3, 0.4, 0.6))
        )
    return parts


def _sofa() -> list[Part]:
    """A sofa 2 m wide along x, its back to y < 0."""
    blue, dark = (0.28, 0.36, 0.50), (0.20, 0.26, 0.40)
    parts = [
        box((0, 0, 0.22), (2.0, 0.85, 0.36), Material.FABRIC, dark),
        box((0, -0.34, 0.52), (2.0, 0.18, 0.66), Material.FABRIC, blue),
        box((-0.95, 0, 0.36), (0.21, 0.87, 0.5), Material.FABRIC, blue),
        box((0.95, 0, 0.36), (0.21, 0.87, 0.5), Material.FABRIC, blue),
    ]
    for x in (-0.565, 0.0, 0.565):
        parts.append(box((x, 0.07, 0.46), (0.55, 0.66, 0.13), Material.FABRIC, blue))
    colors = ((0.85, 0.60, 0.20), (0.80, 0.78, 0.70), (0.66, 0.24, 0.24))
    for x, yaw, color in zip((-0.6, 0.25, 0.62), (0.3, -0.2, 0.15), colors, strict=True):
        size = (0.42, 0.16, 0.38)
        pillow = box((x, -0.13, 0.70), size, Material.RUG, color, accent=WHITE, yaw=yaw)
        parts.append(pillow)
    return parts


def _table(
    size: tuple[float, float, float], leg: float, color: tuple[float, float, float]
) -> list[Part]:
    width, depth, height = size
    top = box((0, 0, height - 0.02), (width, depth, 0.04), Material.WOOD, color)
    feet = [
        box((x, y, height / 2 - 0.02), (leg, leg, height - 0.04), Material.WOOD, DARK_OAK)
        for x in (-width / 2 + leg, width / 2 - leg)
        for y in (-depth / 2 + leg, depth / 2 - leg)
    ]
    return [top, *feet]


def _coffee_table() -> list[Part]:
    return [
        *_table((1.0, 0.5, 0.42), 0.05, WALNUT),
        box((-0.25, 0.03, 0.425), (0.3, 0.21, 0.012), Material.POSTER, (0.8, 0.7, 0.3), yaw=0.5),
        box((-0.22, 0.0, 0.437), (0.28, 0.2, 0.012), Material.POSTER, (0.3, 0.6, 0.7), yaw=-0.2),
        cylinder((0.12, 0.1, 0.465), 0.04, 0.09, Material.TILES, (0.85, 0.3, 0.2)),
        ellipsoid((0.33, -0.05, 0.49), (0.14, 0.14, 0.14), Material.RUG, (0.9, 0.55, 0.1)),
    ]


def _dining_table() -> list[Part]:
    return [
        *_table((1.4, 0.85, 0.75), 0.07, OAK),
        cylinder((0.1, 0.1, 0.88), 0.07, 0.26, Material.TILES, (0.25, 0.45, 0.65)),
        ellipsoid((0.1, 0.1, 1.10), (0.26, 0.26, 0.3), Material.LEAVES, (0.30, 0.52, 0.22)),
        box((-0.4, -0.12, 0.76), (0.33, 0.23, 0.02), Material.SCREEN, BLACK, yaw=0.3, dropout=0.5),
        box((0.45, -0.18, 0.80), (0.24, 0.18, 0.10), Material.LABEL, (0.75, 0.60, 0.35), yaw=-0.4),
        cylinder((0.42, 0.22, 0.756), 0.13, 0.012, Material.RUG, WHITE, accent=(0.2, 0.3, 0.6)),
        cylinder((-0.35, 0.22, 0.756), 0.13, 0.012, Material.RUG, WHITE, accent=(0.2, 0.3, 0.6)),
    ]


def _chair() -> list[Part]:
    """A chair that looks along its y axis; the back is at y < 0."""
    parts = [box((0, 0, 0.45), (0.42, 0.42, 0.04), Material.FABRIC, (0.55, 0.30, 0.22))]
    for x in (-0.19, 0.19):
        parts.append(box((x, 0.18, 0.215), (0.04, 0.04, 0.43), Material.WOOD, DARK_OAK))
        parts.append(box((x, -0.2, 0.46), (0.04, 0.04, 0.92), Material.WOOD, DARK_OAK))
    for z in (0.62, 0.75, 0.88):
        parts.append(box((0, -0.2, z), (0.4, 0.02, 0.07), Material.WOOD, WALNUT))
    return parts


def _television() -> list[Part]:
    """A low cabinet 1.6 m along y with a dark screen on it, its back to x > 0."""
    parts = [box((0, 0, 0.25), (0.42, 1.6, 0.42), Material.WOOD, WALNUT)]
    for y in (-0.53, 0.0, 0.53):
        parts.append(box((-0.215, y, 0.25), (0.02, 0.5, 0.34), Material.WOOD, OAK))
    parts += [
        box((0.05, 0, 0.50), (0.2, 0.4, 0.08), Material.PAINT, BLACK, dropout=0.3),
        box((0.05, 0, 0.86), (0.05, 1.15, 0.68), Material.SCREEN, BLACK, dropout=0.5),
        box((-0.02, 0.68, 0.56), (0.2, 0.16, 0.2), Material.TILES, (0.2, 0.5, 0.45)),
    ]
    return parts


def _plant() -> list[Part]:
    rng = np.random.default_rng(5)
    green = (0.20, 0.42, 0.16)
    parts = [
        cylinder((0, 0, 0.2), 0.2, 0.4, Material.TILES, (0.72, 0.42, 0.28)),
        cylinder((0, 0, 0.7), 0.025, 0.7, Material.WOOD, DARK_OAK),
    ]
    for _ in range(16):
        center = (*rng.uniform(-0.27, 0.27, 2), rng.uniform(0.8, 1.5))
        size = tuple(rng.uniform((0.24, 0.12, 0.12), (0.4, 0.22, 0.3)))
        color = tuple(np.array(green) * rng.uniform(0.7, 1.4))
        yaw = rng.uniform(0, np.pi)
        parts.append(ellipsoid(center, size, Material.LEAVES, color, yaw=yaw))
    return parts


def _lamp() -> list[Part]:
    return [
        cylinder((0, 0, 0.015), 0.16, 0.03, Material.PAINT, BLACK, dropout=0.3),
        cylinder((0, 0, 0.75), 0.018, 1.5, Material.PAINT, (0.6, 0.55, 0.4)),
        cylinder((0, 0, 1.58), 0.2, 0.3, Material.FABRIC, (0.95, 0.85, 0.6)),
    ]


def _cartons() -> list[Part]:
    paper = (0.70, 0.54, 0.36)
    return [
        box((0, 0, 0.2), (0.6, 0.45, 0.4), Material.LABEL, paper),
        box((0.03, 0.0, 0.53), (0.42, 0.36, 0.26), Material.LABEL, paper, yaw=0.3),
        box((-0.55, 0.05, 0.15), (0.36, 0.4, 0.3), Material.LABEL, (0.5, 0.6, 0.66), yaw=-0.2),
    ]

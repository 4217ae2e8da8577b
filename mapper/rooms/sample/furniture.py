"""What stands in the sample room: walls, furniture and the things on it."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.rooms.part import Material, Part, box, cylinder, ellipsoid
from mapper.rooms.room import Room

ROOM: Final = (6.0, 5.0, 2.6)  # metres along x, y, z (up); a corner is the origin
LAMPS: Final = ((3.0, 2.5, 2.45, 0.50), (2.75, 4.7, 1.7, 0.25), (0.5, 4.4, 1.7, 0.20))
AMBIENT: Final = 0.42
THICKNESS: Final = 0.1
OAK: Final = (0.62, 0.42, 0.24)
DARK_OAK: Final = (0.36, 0.22, 0.12)
WALNUT: Final = (0.45, 0.28, 0.17)
WHITE: Final = (0.88, 0.87, 0.84)
CREAM: Final = (0.85, 0.80, 0.68)
BLACK: Final = (0.06, 0.06, 0.07)


def sample_room() -> Room:
    """The room with everything in it."""
    return Room(ROOM, tuple(_parts()), np.array(LAMPS), AMBIENT)


def _parts() -> list[Part]:
    """Every part of the room, in room coordinates, the sides first."""
    groups = [
        (_shelf(), 0.20, 2.55, 0.0),
        (_sofa(), 2.55, 0.47, 0.0),
        (_coffee_table(), 2.75, 1.40, 0.12),
        (_dining_table(), 4.75, 3.80, 0.08),
        (_chair(), 3.95, 3.75, -1.70),
        (_chair(), 4.90, 3.08, 0.15),
        (_chair(), 4.95, 4.50, 3.00),
        (_television(), 5.75, 1.70, 0.0),
        (_plant(), 0.50, 0.50, 0.4),
        (_lamp(), 0.45, 4.45, 0.0),
        (_cartons(), 5.45, 0.45, 0.25),
    ]
    furniture = [part.placed(x, y, 0.0, yaw) for group, x, y, yaw in groups for part in group]
    return _enclosure() + _wall_things() + furniture


def _enclosure() -> list[Part]:
    w, d, h = ROOM
    t = THICKNESS
    return [
        box((w / 2, d / 2, -t / 2), (w, d, t), Material.PLANKS, (0.66, 0.46, 0.28)),
        box((w / 2, d / 2, h + t / 2), (w, d, t), Material.TILES, (0.86, 0.86, 0.84)),
        box((w / 2, -t / 2, h / 2), (w, t, h), Material.PLASTER, (0.80, 0.76, 0.66)),
        box(
            (w / 2, d + t / 2, h / 2),
            (w, t, h),
            Material.WALLPAPER,
            (0.62, 0.72, 0.70),
            accent=(0.34, 0.48, 0.46),
        ),
        box((-t / 2, d / 2, h / 2), (t, d, h), Material.PLASTER, (0.72, 0.77, 0.80)),
        box(
            (w + t / 2, d / 2, h / 2),
            (t, d, h),
            Material.BRICK,
            (0.62, 0.34, 0.26),
            accent=(0.74, 0.70, 0.66),
        ),
    ]


def _wall_things() -> list[Part]:
    w, d, _ = ROOM
    parts = [
        box((w / 2, 0.01, 0.05), (w, 0.02, 0.1), Material.PAINT, WHITE),
        box((w / 2, d - 0.01, 0.05), (w, 0.02, 0.1), Material.PAINT, WHITE),
        box((0.01, d / 2, 0.05), (0.02, d, 0.1), Material.PAINT, WHITE),
        box((w - 0.01, d / 2, 0.05), (0.02, d, 0.1), Material.PAINT, WHITE),
        box(
            (2.9, 2.5, 0.006),
            (2.4, 1.7, 0.012),
            Material.RUG,
            (0.60, 0.20, 0.18),
            accent=(0.86, 0.76, 0.55),
            yaw=0.06,
        ),
        cylinder((w / 2, d / 2, 2.57), 0.22, 0.06, Material.PAINT, (1.0, 0.98, 0.92)),
    ]
    for x, z, size in (
        (1.75, 1.62, (0.5, 0.62)),
        (2.55, 1.68, (0.8, 0.6)),
        (3.4, 1.6, (0.46, 0.6)),
    ):
        parts += _picture(x, 0.0, z, size, along_x=True, facing=1)
    for y, z, size in ((3.55, 1.55, (0.7, 0.9)), (4.4, 1.45, (0.5, 0.4)), (0.7, 1.6, (0.5, 0.7))):
        parts += _picture(w, y, z, size, along_x=False, facing=-1)
    for y, z, size in ((0.95, 1.5, (0.55, 0.75)), (4.0, 1.6, (0.6, 0.45))):
        parts += _picture(0.0, y, z, size, along_x=False, facing=1)
    parts += _picture(4.85, d, 1.6, (0.95, 0.7), along_x=True, facing=-1)
    return parts + _window(2.75, d) + _door(1.1, d)


def _picture(
    x: float, y: float, z: float, size: tuple[float, float], along_x: bool, facing: int
) -> list[Part]:
    """A framed poster on a wall, size (width, height); facing is the sign of its normal."""
    hue = np.random.default_rng(int(1000 * (x + 7 * y + 31 * z))).uniform(0.25, 0.9, (2, 3))
    parts = []
    for depth, margin in ((0.025, 0.04), (0.03, 0.0)):
        extent = (size[0] + 2 * margin, depth, size[1] + 2 * margin)
        shift = facing * depth / 2
        center = (x, y + shift, z) if along_x else (x + shift, y, z)
        extent = extent if along_x else (extent[1], extent[0], extent[2])
        material = Material.WOOD if margin else Material.POSTER
        color = DARK_OAK if margin else tuple(hue[0])
        parts.append(box(center, extent, material, color, accent=tuple(hue[1])))
    return parts


def _window(x: float, y: float) -> list[Part]:
    parts = [box((x, y - 0.01, 1.55), (1.5, 0.02, 1.2), Material.SKY, (0.55, 0.72, 0.92))]
    for dx in (-0.75, 0.0, 0.75):
        parts.append(box((x + dx, y - 0.03, 1.55), (0.06, 0.06, 1.26), Material.PAINT, WHITE))
    for z in (0.95, 1.75, 2.15):
        parts.append(box((x, y - 0.028, z), (1.56, 0.055, 0.06), Material.PAINT, WHITE))
    parts.append(box((x, y - 0.11, 0.92), (1.7, 0.22, 0.03), Material.WOOD, CREAM))
    for i in range(9):
        rib = (x - 0.48 + 0.12 * i, y - 0.08, 0.45)
        parts.append(box(rib, (0.09, 0.09, 0.6), Material.PAINT, WHITE))
    parts.append(box((x - 0.3, y - 0.12, 0.99), (0.2, 0.14, 0.11), Material.LABEL, (0.3, 0.5, 0.4)))
    parts.append(cylinder((x + 0.45, y - 0.12, 1.02), 0.06, 0.17, Material.TILES, (0.7, 0.4, 0.3)))
    return parts


def _door(x: float, y: float) -> list[Part]:
    parts = [
        box((x, y - 0.02, 1.03), (1.0, 0.04, 2.06), Material.PAINT, WHITE),
        box((x, y - 0.03, 1.0), (0.86, 0.06, 2.0), Material.WOOD, OAK),
        ellipsoid((x + 0.36, y - 0.09, 1.0), (0.06, 0.06, 0.06), Material.SCREEN, (0.7, 0.6, 0.3)),
    ]
    for z, height in ((0.5, 0.7), (1.45, 0.8)):
        parts.append(box((x, y - 0.035, z), (0.6, 0.07, height), Material.WOOD, WALNUT))
    return parts


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

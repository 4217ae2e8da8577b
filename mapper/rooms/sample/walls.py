"""What encloses the sample room, and what hangs on its walls."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.rooms.part import Material, Part, box, cylinder, ellipsoid

ROOM: Final = (6.0, 5.0, 2.6)  # metres along x, y, z (up); a corner is the origin
THICKNESS: Final = 0.1
OAK: Final = (0.62, 0.42, 0.24)
DARK_OAK: Final = (0.36, 0.22, 0.12)
WALNUT: Final = (0.45, 0.28, 0.17)
WHITE: Final = (0.88, 0.87, 0.84)
CREAM: Final = (0.85, 0.80, 0.68)
BLACK: Final = (0.06, 0.06, 0.07)


def enclosure() -> list[Part]:
    """Floor, ceiling and four walls, in this order."""
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


def wall_things() -> list[Part]:
    """Skirting, rug and lamp, pictures, a window and a door."""
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

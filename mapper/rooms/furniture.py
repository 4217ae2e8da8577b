"""Pieces of furniture of random size and look, for rooms by seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.rooms.part import Material, Part, box, cylinder, ellipsoid

Color = tuple[float, float, float]
WHITE: Final = (0.88, 0.87, 0.85)
BLACK: Final = (0.06, 0.06, 0.07)


@dataclass(frozen=True, slots=True)
class Piece:
    """parts: around the middle of the footprint, on the floor (hanging: around the middle of all).

    Its back is at y < 0. width, depth, height: metres along x, y, z. stands: on the floor, though
    it is fixed to a wall.
    """

    parts: list[Part]
    width: float
    depth: float
    height: float
    stands: bool = False


class Style:
    """The colours and textures of one room: richness 0 (bare white) to 1."""

    def __init__(self, richness: float, rng: np.random.Generator) -> None:
        self.richness, self.rng = richness, rng

    def material(self, rich: tuple[Material, ...], from_richness: float) -> Material:
        """One of the rich ones, or without texture where the room is barer than that."""
        chosen = rich[int(self.rng.integers(len(rich)))]
        if self.richness >= from_richness:
            return chosen
        return Material.PAINT if self.richness > 0.1 else Material.BLANK

    def color(self) -> Color:
        """Any; near white in a bare room."""
        return self._mixed(self.rng.uniform(0.12, 0.9, 3))

    def wood(self) -> Color:
        """Of furniture."""
        tone = self.rng.uniform(0.35, 1.0)
        return self._mixed(np.array((0.68, 0.48, 0.30)) * tone)

    def wall_color(self) -> Color:
        """Light."""
        return self._mixed(self.rng.uniform(0.55, 0.9) + self.rng.uniform(-0.08, 0.08, 3))

    def floor_color(self) -> Color:
        """Mostly darker than the walls, also in a bare room."""
        tone = self.rng.uniform(0.3, 0.75) * np.array((1.0, 0.85, 0.7))
        return self._mixed(tone, 0.6)

    def _mixed(self, color: np.ndarray, bareness: float = 0.85) -> Color:
        share = bareness * max(0.0, 1 - 2 * self.richness)
        r, g, b = (1 - share) * color + share * np.array(WHITE)
        return float(r), float(g), float(b)

    def box(self, center: Color, size: Color, kind: tuple[Material, ...], color: Color) -> Part:
        """A box of one of the materials where the room is rich enough."""
        seed, accent = int(self.rng.integers(4096)), self.color()
        material = self.material(kind, 0.3)
        return box(center, size, material, color, accent=accent, seed=seed)


def block(center: Color, size: Color, style: Style) -> list[Part]:
    """A piece of wall or a pillar."""
    kinds = (Material.PLASTER, Material.BRICK, Material.WALLPAPER)
    return [style.box(center, size, kinds, style.wall_color())]


def cabinet(style: Style) -> Piece:
    """Closed, with doors that stand out a little."""
    rng = style.rng
    w, d, h = rng.uniform(0.6, 1.8), rng.uniform(0.35, 0.6), rng.uniform(0.6, 2.1)
    color = style.wood()
    parts = [style.box((0, 0, h / 2), (w, d, h), (Material.WOOD,), color)]
    doors = max(1, round(w / 0.45))
    for i in range(doors):
        x = (i + 0.5) * w / doors - w / 2
        size = (w / doors - 0.02, 0.02, h - 0.06)
        parts.append(style.box((x, d / 2 + 0.01, h / 2), size, (Material.WOOD,), style.wood()))
    if h < 1.3:
        parts += _things(style, w - 0.2, d - 0.1, h)
    return Piece(parts, w, d + 0.04, h)


def shelf(style: Style) -> Piece:
    """Open, with books."""
    rng = style.rng
    w, d, h = rng.uniform(0.7, 1.5), rng.uniform(0.28, 0.38), rng.uniform(1.0, 2.1)
    wood, color = (Material.WOOD,), style.wood()
    parts = [style.box((0, -d / 2 + 0.01, h / 2), (w, 0.02, h), wood, color)]
    parts += [style.box((x, 0, h / 2), (0.03, d, h), wood, color) for x in (-w / 2, w / 2)]
    levels = np.linspace(0.05, h - 0.02, max(3, round(h / 0.38)))
    for z in levels:
        parts.append(style.box((0, 0, float(z)), (w, d, 0.03), wood, color))
    for z in levels[:-1]:
        x = -w / 2 + 0.04
        end = w / 2 - rng.uniform(0.05, 0.5 * w)
        while x < end:
            thick, tall, deep = rng.uniform(0.025, 0.07), rng.uniform(0.17, 0.3), 0.2
            center = (x + thick / 2, d / 2 - 0.05 - deep / 2, float(z) + 0.015 + tall / 2)
            parts.append(style.box(center, (thick, deep, tall), (Material.LABEL,), style.color()))
            x += thick + 0.002
    return Piece(parts, w, d, h)


def sofa(style: Style) -> Piece:
    """With pillows."""
    rng = style.rng
    w, d = rng.uniform(1.2, 2.2), rng.uniform(0.75, 0.95)
    color, cloth = style.color(), (Material.FABRIC,)
    parts = [
        style.box((0, 0, 0.22), (w - 0.02, d - 0.02, 0.38), cloth, color),
        style.box((0, -d / 2 + 0.11, 0.55), (w, 0.2, 0.6), cloth, color),
        style.box((-w / 2 + 0.1, 0, 0.38), (0.2, d, 0.5), cloth, color),
        style.box((w / 2 - 0.1, 0, 0.38), (0.2, d, 0.5), cloth, color),
    ]
    for _ in range(int(rng.integers(0, 4))):
        x, yaw = rng.uniform(-w / 2 + 0.4, w / 2 - 0.4), rng.uniform(-0.4, 0.4)
        center, size = (float(x), -0.1, 0.6), (0.42, 0.16, 0.38)
        parts.append(style.box(center, size, (Material.RUG,), style.color()).turned(float(yaw)))
    return Piece(parts, w, d, 0.85)


def bed(style: Style) -> Piece:
    """Head to the wall."""
    w, d = style.rng.uniform(0.9, 1.8), 2.0
    parts = [
        style.box((0, 0, 0.2), (w, d, 0.3), (Material.WOOD,), style.wood()),
        style.box((0, 0.02, 0.42), (w - 0.06, d - 0.1, 0.16), (Material.FABRIC,), style.color()),
        style.box((0, -d / 2 + 0.03, 0.5), (w, 0.06, 1.0), (Material.WOOD,), style.wood()),
        style.box((0, -0.7, 0.55), (0.6, 0.35, 0.14), (Material.FABRIC,), WHITE),
    ]
    return Piece(parts, w, d, 1.0)


def desk(style: Style) -> Piece:
    """With a dark screen on it, on which depth often fails."""
    w, d, h = style.rng.uniform(1.0, 1.7), style.rng.uniform(0.6, 0.8), 0.74
    parts = _table_parts(style, w, d, h)
    screen = box((0.0, -0.12, h + 0.32), (0.55, 0.03, 0.33), Material.SCREEN, BLACK, dropout=0.5)
    foot = box((0.0, -0.14, h + 0.08), (0.2, 0.12, 0.16), Material.BLANK, BLACK, dropout=0.3)
    return Piece(parts + [screen, foot] + _things(style, w, d - 0.2, h), w, d, h + 0.5)


def plant(style: Style) -> Piece:
    """In a pot."""
    rng = style.rng
    parts = [
        cylinder((0, 0, 0.2), 0.18, 0.4, style.material((Material.TILES,), 0.3), style.color()),
        cylinder((0, 0, 0.65), 0.025, 0.6, Material.WOOD, (0.36, 0.22, 0.12)),
    ]
    for _ in range(int(rng.integers(6, 12))):
        x, y, z = rng.uniform(-0.18, 0.18), rng.uniform(-0.18, 0.18), rng.uniform(0.75, 1.35)
        size = (rng.uniform(0.2, 0.34), rng.uniform(0.1, 0.2), rng.uniform(0.1, 0.28))
        green = (0.2 * rng.uniform(0.7, 1.4), 0.42 * rng.uniform(0.7, 1.4), 0.16)
        leaf = ellipsoid((x, y, z), size, Material.LEAVES, green, yaw=rng.uniform(0, np.pi))
        parts.append(leaf)
    return Piece(parts, 0.6, 0.6, 1.5)


def cartons(style: Style) -> Piece:
    """A pile of them."""
    rng, paper = style.rng, (0.70, 0.54, 0.36)
    parts, z = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        w, d, h = rng.uniform(0.3, 0.5), rng.uniform(0.3, 0.45), rng.uniform(0.2, 0.4)
        part = style.box((0, 0, z + h / 2), (w, d, h), (Material.LABEL,), paper)
        parts.append(part.turned(float(rng.uniform(-0.3, 0.3))))
        z += h
    return Piece(parts, 0.6, 0.55, z)


def column(style: Style) -> Piece:
    """A round one up to 2.2 m, such as a boiler."""
    radius, height = style.rng.uniform(0.12, 0.3), style.rng.uniform(0.8, 2.2)
    material = style.material((Material.TILES, Material.LABEL, Material.PLASTER), 0.3)
    part = cylinder((0, 0, height / 2), radius, height, material, style.color())
    return Piece([part], 2 * radius, 2 * radius, height)


def table(style: Style) -> Piece:
    """With things on it."""
    rng = style.rng
    w, d, h = rng.uniform(0.7, 1.8), rng.uniform(0.5, 0.95), rng.choice((0.42, 0.74))
    parts = _table_parts(style, w, d, float(h)) + _things(style, w - 0.15, d - 0.15, float(h))
    return Piece(parts, w, d, float(h) + 0.35)


def chair(style: Style) -> Piece:
    """Four legs, a seat and a back."""
    seat, color, wood = style.rng.uniform(0.4, 0.46), style.wood(), (Material.WOOD,)
    parts = [
        style.box((0, 0, 0.45), (seat - 0.01, seat - 0.01, 0.04), (Material.FABRIC,), style.color())
    ]
    for x in (-seat / 2 + 0.02, seat / 2 - 0.02):
        for y, top in ((-seat / 2 + 0.02, 0.9), (seat / 2 - 0.02, 0.43)):
            parts.append(style.box((x, y, top / 2), (0.04, 0.04, top), wood, color))
    parts.append(style.box((0, -seat / 2 + 0.02, 0.78), (seat - 0.01, 0.03, 0.24), wood, color))
    return Piece(parts, seat, seat, 0.9)


def rug(style: Style) -> Piece:
    """Lies on the floor."""
    w, d = style.rng.uniform(1.0, 2.4), style.rng.uniform(0.8, 1.7)
    part = style.box((0, 0, 0.006), (w, d, 0.012), (Material.RUG,), style.color())
    return Piece([part], w, d, 0.02)


def picture(style: Style) -> Piece:
    """A framed one."""
    w, h = style.rng.uniform(0.3, 1.0), style.rng.uniform(0.3, 0.9)
    parts = [
        box((0, -0.003, 0), (w + 0.06, 0.024, h + 0.06), Material.WOOD, style.wood()),
        style.box((0, 0, 0), (w, 0.03, h), (Material.POSTER,), style.color()),
    ]
    return Piece(parts, w + 0.06, 0.03, h)


def window(style: Style) -> Piece:
    """The view is a print: glass would let no depth through anyway."""
    w, h = style.rng.uniform(0.8, 1.8), style.rng.uniform(0.8, 1.3)
    parts = [box((0, 0, 0), (w, 0.02, h), Material.SKY, (0.55, 0.72, 0.92), dropout=0.3)]
    for x in (-w / 2, 0.0, w / 2):
        parts.append(box((x, 0.02, 0), (0.06, 0.05, h + 0.06), Material.BLANK, WHITE))
    for z in (-h / 2, h / 2):
        parts.append(box((0, 0.02, z), (w + 0.06, 0.05, 0.06), Material.BLANK, WHITE))
    return Piece(parts, w + 0.06, 0.04, h)


def door(style: Style) -> Piece:
    """Closed, with a frame."""
    parts = [
        box((0, 0, 0), (1.0, 0.04, 2.06), Material.BLANK, WHITE),
        style.box((0, 0.01, -0.02), (0.86, 0.05, 2.0), (Material.WOOD,), style.wood()),
        ellipsoid((0.36, 0.06, -0.03), (0.06, 0.06, 0.06), Material.BLANK, (0.7, 0.6, 0.3)),
    ]
    return Piece(parts, 1.0, 0.04, 2.06, stands=True)


def _table_parts(style: Style, w: float, d: float, h: float) -> list[Part]:
    color, wood = style.wood(), (Material.WOOD,)
    parts = [style.box((0, 0, h - 0.02), (w, d, 0.04), wood, color)]
    for x in (-w / 2 + 0.05, w / 2 - 0.05):
        for y in (-d / 2 + 0.05, d / 2 - 0.05):
            parts.append(style.box((x, y, h / 2 - 0.02), (0.05, 0.05, h - 0.04), wood, color))
    return parts


def _things(style: Style, w: float, d: float, z: float) -> list[Part]:
    """What lies about on a top of w x d at height z."""
    rng, parts = style.rng, []
    for _ in range(int(rng.integers(0, 2 + round(4 * style.richness)))):
        x, y = rng.uniform(-w / 2, w / 2), rng.uniform(-d / 2, d / 2)
        a, b, c = rng.uniform(0.08, 0.3), rng.uniform(0.06, 0.2), rng.uniform(0.02, 0.2)
        shape, color = int(rng.integers(3)), style.color()
        if shape == 0:
            kinds = (Material.LABEL, Material.POSTER)
            thing = style.box((x, y, z + c / 2), (a, b, c), kinds, color)
            parts.append(thing.turned(float(rng.uniform(-1, 1))))
        elif shape == 1:
            material = style.material((Material.TILES, Material.LABEL), 0.3)
            parts.append(cylinder((x, y, z + c / 2), b / 3, c, material, color))
        else:
            material = style.material((Material.RUG, Material.LEAVES), 0.3)
            parts.append(ellipsoid((x, y, z + b / 2), (b, b, b), material, color))
    return parts


STANDING: Final[tuple[Callable[[Style], Piece], ...]] = (
    cabinet,
    shelf,
    sofa,
    bed,
    desk,
    plant,
    cartons,
    column,
)
CENTRAL: Final[tuple[Callable[[Style], Piece], ...]] = (table, chair, rug, table, chair, cartons)
HANGING: Final[tuple[Callable[[Style], Piece], ...]] = (picture, picture, picture, window, door)

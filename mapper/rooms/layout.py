"""The room of a RoomSpec: walls, furniture along them and in the middle, lamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mapper.rooms.furniture import CENTRAL, HANGING, STANDING, Piece, Style, block
from mapper.rooms.part import Material, Part, box, cylinder
from mapper.rooms.room import Room
from mapper.rooms.spec import RoomSpec, seeded
from mapper.rooms.stairs import Stairs

THICKNESS: Final = 0.1
AISLE: Final = 0.7  # metres between pieces in the middle and all else
WALL_SHARE: Final = 0.75  # of the walls' length that furniture takes in a full room
RICH: Final = (Material.PLASTER, Material.WALLPAPER, Material.BRICK, Material.PLASTER)
FLOORS: Final = (Material.PLANKS, Material.TILES, Material.FABRIC, Material.PLANKS)


def build_room(spec: RoomSpec) -> Room:
    """The same spec, the same room."""
    rng = seeded(spec.seed, "layout")
    style = Style(spec.richness, rng)
    w, d, h = spec.size
    parts = _enclosure(spec, style)
    if spec.layout == "stairs":
        parts += Stairs.of(spec).parts(style)
    else:
        parts += _furnished(spec, style)
    parts += _on_walls(spec, style)
    lamps = _lamps(spec, rng)
    parts += [
        cylinder((x, y, h - 0.03), 0.2, 0.06, Material.BLANK, (1.0, 0.98, 0.92))
        for x, y, _, _ in lamps
    ]
    ambient = 0.42 * spec.brightness
    return Room((w, d, h), tuple(parts), lamps, ambient)


def _furnished(spec: RoomSpec, style: Style) -> list[Part]:
    """All that stands on the floor."""
    footprints: list[np.ndarray] = []  # (4,): least and greatest x, y
    parts = _divisions(spec, style, footprints) if spec.layout == "divided" else []
    parts += _along_walls(spec, style, footprints)
    if spec.layout != "corridor":
        parts += _in_the_middle(spec, style, footprints)
    return parts


def _enclosure(spec: RoomSpec, style: Style) -> list[Part]:
    """Floor, ceiling and walls, bare where the room is."""
    w, d, h = spec.size
    t = THICKNESS
    floor = style.material(FLOORS, 0.35)
    boxes = [
        ((w / 2, d / 2, -t / 2), (w, d, t), floor, style.floor_color()),
        ((w / 2, d / 2, h + t / 2), (w, d, t), Material.BLANK, (0.86, 0.86, 0.84)),
        ((w / 2, -t / 2, h / 2), (w, t, h), None, None),
        ((w / 2, d + t / 2, h / 2), (w, t, h), None, None),
        ((-t / 2, d / 2, h / 2), (t, d, h), None, None),
        ((w + t / 2, d / 2, h / 2), (t, d, h), None, None),
    ]
    parts = []
    for center, size, material, color in boxes:
        paint = style.material(RICH, 0.45) if material is None else material
        tone = style.wall_color() if color is None else color
        parts.append(
            box(center, size, paint, tone, accent=style.color(), seed=int(style.rng.integers(4096)))
        )
    return parts


def _divisions(spec: RoomSpec, style: Style, footprints: list[np.ndarray]) -> list[Part]:
    """A wall from one side that leaves a passage, or a block that makes the room L-shaped."""
    w, d, h = spec.size
    rng = style.rng
    if w > 4 and d > 3 and rng.random() < 0.5:
        length, x = d * rng.uniform(0.35, 0.6), w * rng.uniform(0.35, 0.65)
        center, size = (x, length / 2, h / 2), (0.12, length, h)
    else:
        a, b = w * rng.uniform(0.2, 0.4), d * rng.uniform(0.2, 0.4)
        center, size = (a / 2, b / 2, h / 2), (a, b, h)
    footprints.append(_footprint(center[0], center[1], size[0], size[1], 0.0))
    return block(center, size, style)


def _along_walls(spec: RoomSpec, style: Style, footprints: list[np.ndarray]) -> list[Part]:
    """Pieces with their backs to a wall until the wished share of the walls is taken."""
    w, d, _ = spec.size
    wanted = spec.furniture * WALL_SHARE * 2 * (w + d)
    parts: list[Part] = []
    for _ in range(60):
        if wanted <= 0:
            break
        piece = _chosen(STANDING, style)
        if spec.layout == "corridor" and piece.depth > 0.45:
            continue
        side = int(style.rng.integers(4))
        along = style.rng.uniform(0, w if side in (0, 2) else d)
        x, y, yaw = _on_wall((w, d), side, along, piece.depth / 2 + 0.03)
        if _place(piece, (x, y, yaw), spec, footprints, 0.05):
            parts += [part.placed(x, y, 0.0, yaw) for part in piece.parts]
            wanted -= piece.width
    return parts


def _on_wall(
    size: tuple[float, float], side: int, along: float, away: float
) -> tuple[float, float, float]:
    """x, y and yaw of a piece whose front looks along its y, on wall 0: y = 0, 1: x = w ..."""
    w, d = size
    if side == 0:
        return along, away, 0.0
    if side == 1:
        return w - away, along, np.pi / 2
    if side == 2:
        return along, d - away, np.pi
    return away, along, -np.pi / 2


def _in_the_middle(spec: RoomSpec, style: Style, footprints: list[np.ndarray]) -> list[Part]:
    """Tables, chairs and the like, with an aisle around each."""
    w, d, _ = spec.size
    wished = round(spec.furniture * w * d / 7.0)
    parts: list[Part] = []
    for _ in range(8 * wished):
        if wished <= 0:
            break
        piece = _chosen(CENTRAL, style)
        at = (style.rng.uniform(0, w), style.rng.uniform(0, d), style.rng.uniform(-np.pi, np.pi))
        if _place(piece, at, spec, footprints, AISLE):
            parts += [part.placed(at[0], at[1], 0.0, at[2]) for part in piece.parts]
            wished -= 1
    return parts


def _chosen(kinds: tuple[Callable[[Style], Piece], ...], style: Style) -> Piece:
    return kinds[int(style.rng.integers(len(kinds)))](style)


def _place(
    piece: Piece,
    at: tuple[float, float, float],
    spec: RoomSpec,
    footprints: list[np.ndarray],
    gap: float,
) -> bool:
    """Whether there is room for a piece at x, y, yaw; if so, it is taken."""
    taken = _footprint(at[0], at[1], piece.width, piece.depth, at[2])
    low, high = taken[:2], taken[2:]
    if (low < 0).any() or (high > np.array(spec.size[:2])).any() or piece.height > spec.size[2]:
        return False
    for other in footprints:
        if (low - gap < other[2:]).all() and (high + gap > other[:2]).all():
            return False
    footprints.append(taken)
    return True


def _footprint(x: float, y: float, width: float, depth: float, yaw: float) -> np.ndarray:
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    half = 0.5 * np.array([c * width + s * depth, s * width + c * depth])
    return np.concatenate([np.array([x, y]) - half, np.array([x, y]) + half])


def _on_walls(spec: RoomSpec, style: Style) -> list[Part]:
    """Pictures, windows and doors; fewer on bare walls."""
    w, d, h = spec.size
    parts: list[Part] = []
    taken: list[tuple[int, float, float]] = []  # wall, from, to
    for _ in range(round((0.15 + 0.85 * spec.richness) * (w + d))):
        piece = _chosen(HANGING, style)
        side = int(style.rng.integers(4))
        length = w if side in (0, 2) else d
        middle = style.rng.uniform(0, 1) * (length - piece.width) + piece.width / 2
        low, high = middle - piece.width / 2, middle + piece.width / 2
        if low < 0 or any(s == side and low < b and a < high for s, a, b in taken):
            continue
        taken.append((side, low, high))
        x, y, yaw = _on_wall((w, d), side, middle, piece.depth / 2)
        floor = float(Stairs.of(spec).height_at(np.array(x))) if spec.layout == "stairs" else 0.0
        top = h - piece.height / 2 - 0.1
        z = floor + piece.height / 2 if piece.stands else min(floor + 1.55, top)
        parts += [part.placed(x, y, z, yaw) for part in piece.parts]
    return parts


def _lamps(spec: RoomSpec, rng: np.random.Generator) -> np.ndarray:
    """One in the middle of a small room, rows of them in a large one; (L, 4)."""
    w, d, h = spec.size
    nx, ny = max(1, round(w / 4)), max(1, round(d / 4))
    places = [((i + 0.5) * w / nx, (j + 0.5) * d / ny) for i in range(nx) for j in range(ny)]
    strength = spec.brightness * rng.uniform(0.35, 0.6, len(places))
    return np.array([(x, y, h - 0.15, each) for (x, y), each in zip(places, strength, strict=True)])

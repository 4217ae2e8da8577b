"""A textured part of a room: a box, cylinder or ellipsoid with its own frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np


class Material(IntEnum):
    """What the texture of a part is made of; texture.py paints them."""

    PLASTER = 0
    PLANKS = 1
    WOOD = 2
    TILES = 3
    FABRIC = 4
    POSTER = 5
    LABEL = 6
    RUG = 7
    LEAVES = 8
    SCREEN = 9
    SKY = 10
    BRICK = 11
    WALLPAPER = 12
    PAINT = 13
    BLANK = 14


@dataclass(frozen=True, slots=True)
class Part:
    """vertices (N, 3) and normals (N, 3) in the part's frame, metres; faces int (M, 3).

    The part's frame is turned by yaw (radians, about z up) and then moved to origin (3,), room
    frame; a part that moves may be turned any way by turn (3, 3) instead. size (3,): extents along
    its axes. color and accent: RGB in 0..1. dropout: share of depth readings that fail on it (dark
    or shiny surfaces). seed: of its texture.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    size: tuple[float, float, float]
    origin: np.ndarray
    yaw: float
    material: Material
    color: tuple[float, float, float]
    accent: tuple[float, float, float] = (0.1, 0.1, 0.1)
    dropout: float = 0.0
    turn: np.ndarray | None = None
    seed: int = 0

    def placed(self, x: float, y: float, z: float, yaw: float) -> Part:
        """The part within a piece of furniture that is turned by yaw and moved to (x, y, z)."""
        origin = rotation_z(yaw) @ self.origin + (x, y, z)
        return replace(self, origin=origin, yaw=self.yaw + yaw)

    def turned(self, yaw: float) -> Part:
        """The part turned about its own origin."""
        return replace(self, yaw=self.yaw + yaw)

    @property
    def rotation(self) -> np.ndarray:
        """float64 (3, 3), from the part's frame to the room's."""
        return rotation_z(self.yaw) if self.turn is None else self.turn

    @property
    def room_vertices(self) -> np.ndarray:
        """float64 (N, 3), room frame."""
        return self.vertices @ self.rotation.T + self.origin

    @property
    def room_normals(self) -> np.ndarray:
        """float64 (N, 3), unit length, room frame, out of the part."""
        return self.normals @ self.rotation.T


def rotation_z(angle: float) -> np.ndarray:
    """Rotation matrix (3, 3) about z by angle, radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def box(
    center: tuple[float, float, float],
    size: tuple[float, float, float],
    material: Material,
    color: tuple[float, float, float],
    **more: object,
) -> Part:
    """A box around center; four vertices a side, so that normals are exact."""
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal, first, second = np.zeros(3), np.zeros(3), np.zeros(3)
            normal[axis] = sign
            first[(axis + 1) % 3], second[(axis + 2) % 3] = sign, 1.0
            start = len(vertices)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                vertices.append(0.5 * np.array(size) * (normal + a * first + b * second))
                normals.append(normal)
            faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return _part(vertices, normals, faces, size, center, material, color, more)


def cylinder(
    center: tuple[float, float, float],
    radius: float,
    height: float,
    material: Material,
    color: tuple[float, float, float],
    **more: object,
) -> Part:
    """An upright closed cylinder of 32 sides around center."""
    count = 32
    angles = np.arange(count) * 2 * np.pi / count
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], 1)
    up = np.array([0, 0, height / 2])
    low, high = radius * ring - up, radius * ring + up
    axis = np.broadcast_to([0, 0, 1.0], (count, 3))
    vertices = np.concatenate([low, high, low, high])
    normals = np.concatenate([ring, ring, -axis, axis])
    faces = []
    for i in range(count):
        j = (i + 1) % count
        faces += [(i, j, count + j), (i, count + j, count + i)]
        if 0 < i < count - 1:
            faces += [(2 * count, 2 * count + j, 2 * count + i)]
            faces += [(3 * count, 3 * count + i, 3 * count + j)]
    size = (2 * radius, 2 * radius, height)
    return _part(vertices, normals, faces, size, center, material, color, more)


def ellipsoid(
    center: tuple[float, float, float],
    size: tuple[float, float, float],
    material: Material,
    color: tuple[float, float, float],
    **more: object,
) -> Part:
    """An ellipsoid of 24 x 12 patches with the given extents around center."""
    around, down = 24, 12
    theta = np.linspace(0, np.pi, down + 1)[:, None]
    phi = np.linspace(0, 2 * np.pi, around + 1)[None]
    unit = np.stack(
        [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0 * phi], -1
    ).reshape(-1, 3)
    normals = unit / np.array(size)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    faces = []
    for i in range(down):
        for j in range(around):
            a, b = i * (around + 1) + j, (i + 1) * (around + 1) + j
            faces += [(a, b, b + 1)] if i < down - 1 else []
            faces += [(a, b + 1, a + 1)] if i > 0 else []
    return _part(0.5 * unit * size, normals, faces, size, center, material, color, more)


def _part(
    vertices: object,
    normals: object,
    faces: object,
    size: tuple[float, float, float],
    center: tuple[float, float, float],
    material: Material,
    color: tuple[float, float, float],
    more: dict[str, Any],
) -> Part:
    yaw = more.pop("yaw", 0.0)
    return Part(
        np.asarray(vertices, float),
        np.asarray(normals, float),
        np.asarray(faces, np.int32),
        size,
        np.asarray(center, float),
        yaw,
        material,
        color,
        **more,
    )

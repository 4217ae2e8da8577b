"""A room as it is drawn: its parts and its lamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.rooms.part import Part

SIDES: Final = 6  # the first parts of a room: floor, ceiling and four walls


@dataclass(frozen=True, slots=True)
class Room:
    """size: metres along x, y, z (up); a corner is the origin. parts: the first SIDES enclose it,
    in the order floor, ceiling, y = 0, y = size, x = 0, x = size.

    lamps: float64 (L, 4), position and strength. ambient: light that comes from everywhere.
    """

    size: tuple[float, float, float]
    parts: tuple[Part, ...]
    lamps: np.ndarray
    ambient: float

    def mesh(self) -> Mesh:
        """The exact surfaces, room frame, metres, each part in its colour."""
        vertices, normals, faces, colors, count = [], [], [], [], 0
        for part in self.parts:
            vertices.append(part.room_vertices)
            normals.append(part.room_normals)
            faces.append(part.faces + count)
            color = np.clip(255 * np.array(part.color), 0, 255)
            colors.append(np.broadcast_to(color, part.vertices.shape))
            count += len(part.vertices)
        return Mesh(
            np.concatenate(vertices).astype(np.float32),
            np.concatenate(faces).astype(np.int32),
            np.concatenate(colors).astype(np.uint8),
            np.concatenate(normals).astype(np.float32),
        )

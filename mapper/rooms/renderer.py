"""Colour, depth and surface of a room as a camera sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.part import Part
from mapper.rooms.rasteriser import Surfaces, band_ends, rasterise
from mapper.rooms.room import SIDES, Room
from mapper.rooms.shading import shade
from mapper.rooms.shadows import cast_shadows

NOTHING: Final = -1  # for a part's number


@dataclass(frozen=True, slots=True)
class View:
    """What a camera meets. depth: float32 (H, W), metres along z, 0 = nothing. part: int32 (H, W).

    slant: float32 (H, W), the cosine of the angle between the surface's normal and the ray.
    normals: float32 (H, W, 3), room frame, towards the camera.
    """

    depth: np.ndarray
    part: np.ndarray
    slant: np.ndarray
    normals: np.ndarray


class RoomRenderer:
    """Draws a room and what moves in it; any number of threads may ask it at once."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._surfaces = Surfaces.of(list(room.parts))
        self._table = np.array([_table_row(part) for part in room.parts])
        self._shadows = cast_shadows(room).astype(np.float64)

    def view(
        self,
        T_room_camera: np.ndarray,
        intrinsics: Intrinsics,
        moving: tuple[Part, ...] = (),
    ) -> View:
        """Geometry alone. T_room_camera: (4, 4). moving: parts as they stand at this moment; they
        are numbered after those of the room."""
        return self._view(T_room_camera[None], intrinsics, self._with(moving))

    def image(
        self,
        T_room_camera: np.ndarray,
        intrinsics: Intrinsics,
        moving: tuple[Part, ...] = (),
        exposure: float = 1.0,
    ) -> tuple[np.ndarray, View]:
        """image uint8 (H, W, 3) RGB and the geometry that it shows.

        T_room_camera: (B, 4, 4), of B bands of rows from the top, or (4, 4). exposure: factor on
        the light.
        """
        poses = T_room_camera.reshape(-1, 4, 4)
        view = self._view(poses, intrinsics, self._with(moving))
        table = self._table
        if moving:
            table = np.concatenate([table, [_table_row(part) for part in moving]])
        size = np.array(self.room.size)
        light = (self.room.lamps, self._shadows, size, self.room.ambient, exposure)
        camera = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy])
        ends = band_ends(len(poses), intrinsics.height)
        image = np.zeros((intrinsics.height, intrinsics.width, 3), np.uint8)
        surface = (view.depth, view.part, view.normals)
        shade(surface, (poses, ends), camera, table, light, SIDES, image)
        return image, view

    def _with(self, moving: tuple[Part, ...]) -> Surfaces:
        return self._surfaces.joined(Surfaces.of(list(moving))) if moving else self._surfaces

    def _view(self, poses: np.ndarray, intrinsics: Intrinsics, surfaces: Surfaces) -> View:
        depth, face = rasterise(surfaces, poses, intrinsics)
        normals = surfaces.normals.astype(np.float32)[face]
        part = np.where(face >= 0, surfaces.part[face], np.int32(NOTHING))
        return View(depth, part, _slant(normals, poses, intrinsics), normals)


def _slant(normals: np.ndarray, poses: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """float32 (H, W): cosine between normals (H, W, 3) and the rays towards the camera."""
    u = ((np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx).astype(np.float32)
    v = ((np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy).astype(np.float32)
    ends = band_ends(len(poses), intrinsics.height)
    result = np.empty(normals.shape[:2], np.float32)
    for T, first, last in zip(poses, ends[:-1], ends[1:], strict=True):
        seen = normals[first:last] @ T[:3, :3].astype(np.float32)
        rows = v[first:last, None]
        result[first:last] = seen[..., 0] * u + seen[..., 1] * rows + seen[..., 2]
    return np.abs(result) / np.sqrt(1 + u**2 + v[:, None] ** 2)


def _table_row(part: Part) -> list[float]:
    """What shade needs to know of a part: origin, rotation, half extents, paint."""
    return [
        *part.origin,
        *part.rotation.ravel(),
        *(0.5 * np.array(part.size)),
        float(part.material),
        *part.color,
        *part.accent,
        float(part.seed),
    ]

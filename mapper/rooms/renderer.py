"""Colour, depth and surface of a room as a camera sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.part import Part
from mapper.rooms.rasteriser import Surfaces, band_ends, rasterise
from mapper.rooms.room import SIDES, Room
from mapper.rooms.shading import shade
from mapper.rooms.shadows import cast_shadows
from mapper.runtime.kernels import kernel

NOTHING: Final = -1  # for a part's number


@dataclass(frozen=True)
class View:
    """What a camera meets. depth: float32 (H, W), metres along z, 0 = nothing. face: int32 (H, W),
    of `surfaces`, -1 = none. poses: T_room_camera (B, 4, 4), of bands of rows."""

    depth: np.ndarray
    face: np.ndarray
    surfaces: Surfaces
    poses: np.ndarray
    intrinsics: Intrinsics

    @cached_property
    def part(self) -> np.ndarray:
        """int32 (H, W): the number of the part, -1 = none."""
        return self.of_faces(self.surfaces.part, np.int32(NOTHING))

    @cached_property
    def slant(self) -> np.ndarray:
        """float32 (H, W): the cosine of the angle between the surface's normal and the ray."""
        slant = np.empty(self.face.shape, np.float32)
        _measure_slant(self.face, self.surfaces.normals, *self.bands, self.camera, slant)
        return slant

    def of_faces(self, values: np.ndarray, elsewhere: np.number) -> np.ndarray:
        """(H, W), of the values' type: the value (M,) of the face in each pixel."""
        found = np.empty(self.face.shape, values.dtype)
        _look_up(self.face, values, elsewhere, found)
        return found

    @property
    def bands(self) -> tuple[np.ndarray, np.ndarray]:
        """Poses (B, 4, 4), and the rows (B + 1,) where their bands end."""
        return self.poses, band_ends(len(self.poses), self.intrinsics.height)

    @property
    def camera(self) -> np.ndarray:
        """float64 (4,): fx, fy, cx, cy."""
        k = self.intrinsics
        return np.array([k.fx, k.fy, k.cx, k.cy])

    def normals_at(self, every: slice) -> np.ndarray:
        """float32 (h, w, 3): normals in the camera's frame of every so manieth pixel both ways."""
        seen = self.surfaces.normals[self.face[every, every]]
        return (seen @ self.poses[0, :3, :3]).astype(np.float32)


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
        poses = np.ascontiguousarray(T_room_camera.reshape(-1, 4, 4))
        view = self._view(poses, intrinsics, self._with(moving))
        table = self._table
        if moving:
            table = np.concatenate([table, [_table_row(part) for part in moving]])
        size = np.array(self.room.size)
        light = (self.room.lamps, self._shadows, size, self.room.ambient, exposure)
        image = np.empty((intrinsics.height, intrinsics.width, 3), np.uint8)
        surfaces = (view.depth, view.face, view.surfaces.part, view.surfaces.normals)
        shade(surfaces, view.bands, view.camera, table, light, SIDES, image)
        return image, view

    def _with(self, moving: tuple[Part, ...]) -> Surfaces:
        return self._surfaces.joined(Surfaces.of(list(moving))) if moving else self._surfaces

    def _view(self, poses: np.ndarray, intrinsics: Intrinsics, surfaces: Surfaces) -> View:
        depth, face = rasterise(surfaces, poses, intrinsics)
        return View(depth, face, surfaces, poses, intrinsics)


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


@kernel()
def _look_up(face, values, elsewhere, found):
    """As NumPy's indexing, without a copy of all indices in 64 bits."""
    for row in range(face.shape[0]):
        for column in range(face.shape[1]):
            f = face[row, column]
            found[row, column] = values[f] if f >= 0 else elsewhere


@kernel(error_model="numpy", fastmath=True)
def _measure_slant(face, normals, poses, ends, camera, slant):
    """Fill slant, as in View."""
    for band in range(poses.shape[0]):
        T = poses[band]
        for row in range(ends[band], ends[band + 1]):
            v = (row - camera[3]) / camera[1]
            for column in range(face.shape[1]):
                f = face[row, column]
                u = (column - camera[2]) / camera[0]
                cosine = 0.0
                for i in range(3):
                    cosine += (u * T[i, 0] + v * T[i, 1] + T[i, 2]) * normals[f, i]
                slant[row, column] = abs(cosine) / math.sqrt(1 + u * u + v * v) if f >= 0 else 0.0

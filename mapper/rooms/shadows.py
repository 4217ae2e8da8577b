"""How much of the lamps and of the open room each place of floor, ceiling and walls sees."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from mapper.rooms.room import SIDES, Room
from mapper.runtime.open3d_loader import load_open3d

CELLS: Final = 72  # along each axis of a wall
LAMP_RAYS: Final = 10
OPEN_RAYS: Final = 24
SOFTNESS: Final = 1.2  # cells, deviation, over which a shadow's edge runs
LAMP_SPREAD: Final = 0.2  # metres: lamps are no points, so that shadows are soft


def cast_shadows(room: Room) -> np.ndarray:
    """float32 (SIDES, CELLS, CELLS, 2): shares of the lamps' light and of the space around."""
    scene = _scene(room)
    rng = np.random.default_rng(11)
    points, normals = _wall_grid(room.size)
    start = points + 0.01 * normals
    light = np.zeros(points.shape[:-1], np.float32)
    total = 0.0
    for x, y, z, strength in room.lamps:
        for _ in range(LAMP_RAYS):
            lamp = np.array([x, y, z]) + rng.uniform(-LAMP_SPREAD, LAMP_SPREAD, 3)
            light += strength * _is_open(scene, start, lamp - points)
            total += strength
    around = np.zeros_like(light)
    for _ in range(OPEN_RAYS):
        direction = normals + 0.98 * _unit(rng.normal(size=3))  # one for all: no grain on walls
        around += _is_open(scene, start, 0.5 * _unit(direction))
    shares = np.stack([light / total, around / OPEN_RAYS], axis=-1)
    return np.stack([cv2.GaussianBlur(side, (0, 0), SOFTNESS) for side in shares])


def _scene(room: Room) -> Any:
    open3d = load_open3d()
    scene = open3d.t.geometry.RaycastingScene()
    for part in room.parts:
        vertices = open3d.core.Tensor.from_numpy(part.room_vertices.astype(np.float32))
        faces = open3d.core.Tensor.from_numpy(part.faces.astype(np.uint32))
        scene.add_triangles(vertices, faces)
    return scene


def _is_open(scene: Any, start: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Whether nothing stands between start (..., 3) and start + way (..., 3)."""
    rays = np.concatenate([start, way], axis=-1).astype(np.float32)
    tensor = load_open3d().core.Tensor.from_numpy(rays)
    return np.array(~scene.test_occlusions(tensor, 0.0, 0.97).numpy())


def _wall_grid(size: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Points and inward normals, both (SIDES, CELLS, CELLS, 3), in the order of the sides."""
    sides = ((2, 0), (2, 1), (1, 0), (1, 1), (0, 0), (0, 1))
    points = np.zeros((SIDES, CELLS, CELLS, 3))
    normals = np.zeros_like(points)
    places = (np.arange(CELLS) + 0.5) / CELLS
    for side, (axis, end) in enumerate(sides):
        first, second = [other for other in range(3) if other != axis]
        points[side, ..., first] = places[:, None] * size[first]
        points[side, ..., second] = places[None, :] * size[second]
        points[side, ..., axis] = end * size[axis]
        normals[side, ..., axis] = 1 - 2 * end
    return points, normals


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

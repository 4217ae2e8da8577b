"""Which way is up in a map, and where its floor is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.geometry import pose
from mapper.core.mesh import Mesh
from mapper.errors import InputError

UP_CONES: Final = tuple(np.radians([60.0, 40.0, 30.0, 20.0]))  # half angles around "up"
UP_ROUNDS: Final = 5
EVERY_WAY: Final = 0.3  # length of the mean of unit vectors that have no direction in common
LEVEL: Final = float(np.cos(np.radians(15)))  # of a floor's facets: fusion leaves them uneven
UPRIGHT: Final = float(np.sin(np.radians(10)))
PLANE_ROUNDS: Final = 3
ON_FLOOR: Final = 2.0  # layers from the floor, within which facets are its
LEAST_SHARE: Final = 0.02  # of all surface, that a floor has
OF_LARGEST: Final = 0.3  # of the largest level surface: there may be more of tables than of floor
AT_RIGHT_ANGLES: Final = 0.3  # of the walls' surface
STEEP: Final = 0.1
NO_FLOOR: Final = "no level surface could be the floor; --up X,Y,Z tells what is up in the run"


def held_up(T_world_camera: np.ndarray) -> np.ndarray:
    """float64 (3,): unit vector to which the tops of images point, of cameras (N, 4, 4), on
    average; as of the first camera where they are held every way."""
    if not len(T_world_camera):
        return np.array([0.0, -1.0, 0.0])
    mean = -T_world_camera[:, :3, 1].mean(axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length if length > EVERY_WAY else -T_world_camera[0, :3, 1])


def estimate_up(mesh: Mesh, held: np.ndarray | None = None) -> np.ndarray:
    """float64 (3,): unit vector that points up in the world, by the surfaces that face up.

    A camera is held upright more or less, so up is near `held` (3,), see held_up; None = (0, -1, 0)
    of a map whose world is its first camera. It is the mean of the vertex normals around that, in
    an ever narrower cone, and `held` where no normal is near it.
    """
    default = np.array([0.0, -1.0, 0.0]) if held is None else held
    normals = mesh.normals.astype(np.float64)
    up = default
    for half_angle in UP_CONES:
        for _ in range(UP_ROUNDS):
            total = normals[normals @ up > np.cos(half_angle)].sum(axis=0)
            if np.linalg.norm(total) < 1e-6:
                return default
            up = total / np.linalg.norm(total)
    return up


@dataclass(frozen=True, slots=True)
class Floor:
    """up: float64 (3,), unit, in the world. height: of the floor along it. area: of what was seen
    of the floor, in square units."""

    up: np.ndarray
    height: float
    area: float


@dataclass(frozen=True, slots=True)
class _Facets:
    """corners: float64 (M, 3, 3). normals: (M, 3), unit. areas: (M,)."""

    corners: np.ndarray
    normals: np.ndarray
    areas: np.ndarray

    def heights(self, up: np.ndarray) -> np.ndarray:
        """float64 (M,): of their middles along a direction (3,)."""
        return np.asarray(self.corners.mean(axis=1) @ up)

    def facing(self, direction: np.ndarray, cosine: float) -> _Facets:
        """Those whose normal is that near a direction (3,)."""
        chosen = self.normals @ direction > cosine
        return _Facets(self.corners[chosen], self.normals[chosen], self.areas[chosen])


def find_floor(
    mesh: Mesh,
    up: np.ndarray | None = None,
    layer: float = 0.02,
    held: np.ndarray | None = None,
) -> Floor:
    """The lowest of the large level surfaces. up: (3,), unit, where it is known. held: see
    estimate_up.

    Without `up`, the surfaces that face upwards tell it, and then the floor's own plane.
    layer: units within which heights are one surface's. Raises InputError where there is none.
    """
    facets = _facets(mesh)
    found = _lowest_level(facets, estimate_up(mesh, held) if up is None else up, layer)
    for _ in range(PLANE_ROUNDS if up is None else 0):
        near = facets.facing(found.up, LEVEL)
        on = np.abs(near.heights(found.up) - found.height) < ON_FLOOR * layer
        normal = _plane_normal(near.corners[on], near.areas[on])
        normal *= np.sign(normal @ found.up)
        found = _lowest_level(facets, normal, layer)
    return found


def camera_height(mesh: Mesh, T_world_camera: np.ndarray) -> float | None:
    """Of cameras (N, 4, 4) over the floor, in the middle; None where the map has none."""
    if not len(mesh.faces) or not len(T_world_camera):
        return None
    try:
        floor = find_floor(mesh, held=held_up(T_world_camera))
    except InputError:
        return None
    return float(np.median(T_world_camera[:, :3, 3] @ floor.up) - floor.height)


def upright_frame(floor: Floor, mesh: Mesh) -> np.ndarray:
    """T_upright_world (4, 4): z up with 0 at the floor, the origin below the world's.

    x is the direction of walls that is nearest to where the world's z, the first camera, looked;
    without walls at right angles it is that one.
    """
    forward = np.array([0.0, 0.0, 1.0]) - floor.up[2] * floor.up
    if np.linalg.norm(forward) < STEEP:  # it looked at the floor: its image's top is ahead
        forward = np.array([0.0, -1.0, 0.0]) + floor.up[1] * floor.up
    forward /= np.linalg.norm(forward)
    left = np.cross(floor.up, forward)
    angle = _wall_angle(_facets(mesh), floor.up, forward, left)
    x = np.cos(angle) * forward + np.sin(angle) * left
    rotation = np.stack([x, np.cross(floor.up, x), floor.up])
    return pose(rotation, -rotation @ (floor.height * floor.up))


def _facets(mesh: Mesh) -> _Facets:
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(crossed, axis=1)
    return _Facets(corners, crossed / np.maximum(doubled, 1e-12)[:, None], doubled / 2)


def _lowest_level(facets: _Facets, up: np.ndarray, layer: float) -> Floor:
    """The lowest layer, of facets that face up, that holds a good part of the largest one."""
    level = facets.facing(up, LEVEL)
    total = float(facets.areas.sum())
    if not len(level.areas) or total == 0:
        raise InputError(NO_FLOOR)
    heights = level.heights(up)
    bins = np.floor((heights - heights.min()) / layer).astype(np.int64)
    areas = np.convolve(np.bincount(bins, level.areas), np.ones(3), mode="same")
    if areas.max() < LEAST_SHARE * total:
        raise InputError(NO_FLOOR)
    lowest = int(np.flatnonzero(areas >= OF_LARGEST * areas.max())[0])
    while lowest + 1 < len(areas) and areas[lowest + 1] > areas[lowest]:
        lowest += 1
    on = np.abs(bins - lowest) <= 1
    height = float(np.average(heights[on], weights=level.areas[on]))
    return Floor(up, height, float(level.areas[on].sum()))


def _plane_normal(corners: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Unit normal (3,) of the plane through facets (M, 3, 3), by least squares."""
    points, weights = corners.reshape(-1, 3), np.repeat(areas, 3)
    away = points - np.average(points, axis=0, weights=weights)
    _values, vectors = np.linalg.eigh((weights[:, None] * away).T @ away)
    return np.asarray(vectors[:, 0])


def _wall_angle(facets: _Facets, up: np.ndarray, forward: np.ndarray, left: np.ndarray) -> float:
    """Radians from forward to the nearest direction of walls; 0 where most are at no right angle.

    Four times their direction is the same for walls that face each other or stand at right angles.
    """
    upright = np.abs(facets.normals @ up) < UPRIGHT
    normals, areas = facets.normals[upright], facets.areas[upright]
    angles = np.arctan2(normals @ left, normals @ forward)
    total = np.sum(areas * np.exp(4j * angles))
    if abs(total) <= AT_RIGHT_ANGLES * areas.sum():
        return 0.0
    return float(np.angle(total) / 4)

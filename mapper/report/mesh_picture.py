"""Pictures of a coloured mesh, made by ray casting: no GPU, no display."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.geometry import pose
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.report.mesh_renderer import MeshRenderer

FIELD_OF_VIEW: Final = np.radians(38.0)  # vertical; the bird's eye is narrower, nearly parallel
TOP_FIELD_OF_VIEW: Final = np.radians(6.0)
ELEVATION: Final = np.radians(42.0)
FILL: Final = 0.92  # of the picture that the mesh takes up
OUTLIER_PERCENT: Final = 0.5
MIN_FOR_STRAYS: Final = 1000  # vertices; of fewer, those furthest out are most of the mesh


def render_mesh(
    mesh: Mesh,
    width: int = 1280,
    height: int = 800,
    T_world_camera: np.ndarray | None = None,
    up: tuple[float, float, float] = (0.0, -1.0, 0.0),
) -> np.ndarray:
    """Picture uint8 (height, width, 3), RGB, of a mesh in perspective.

    T_world_camera: (4, 4), OpenCV axes; None looks from outside and above. up: in the world frame.
    Faces seen from behind are left out, so a room opens like a doll's house.
    """
    if T_world_camera is None:
        T_world_camera = oblique_pose(mesh, np.asarray(up, np.float64), width / height)
    return _render(mesh, width, height, T_world_camera, FIELD_OF_VIEW)


def oblique_pose(mesh: Mesh, up: np.ndarray, aspect: float = 1.6) -> np.ndarray:
    """T_world_camera (4, 4) from which the whole mesh is seen, from outside and above.

    up: (3,), in the world. aspect: width by height of the picture.
    """
    rotation = oblique_rotation(mesh, up)
    return _framed(visible_points(mesh), rotation, aspect, FIELD_OF_VIEW)


def render_mesh_top(
    mesh: Mesh,
    width: int = 1280,
    height: int = 800,
    up: tuple[float, float, float] = (0.0, -1.0, 0.0),
) -> np.ndarray:
    """Picture uint8 (height, width, 3), RGB, from straight above, nearly without perspective.

    The longer side of the map lies along the picture's width, the world's +z points up in it.
    """
    points = visible_points(mesh)
    down = -_unit(np.asarray(up, np.float64))
    right = _longest_direction(points, down)
    if np.cross(down, right)[2] > 0:
        right = -right
    rotation = np.stack([right, np.cross(down, right), down], axis=1)
    T_world_camera = _framed(points, rotation, width / height, TOP_FIELD_OF_VIEW)
    return _render(mesh, width, height, T_world_camera, TOP_FIELD_OF_VIEW)


def visible_points(mesh: Mesh) -> np.ndarray:
    """Vertices (N, 3) less the outermost strays, float64; all of a few. InputError where there is
    no surface."""
    if len(mesh.faces) == 0 or len(mesh.vertices) == 0:
        raise InputError("the mesh has no faces, so there is nothing to picture")
    points = mesh.vertices[:: max(1, len(mesh.vertices) // 50_000)].astype(np.float64)
    if len(points) < MIN_FOR_STRAYS:
        return points
    low, high = np.percentile(points, [OUTLIER_PERCENT, 100 - OUTLIER_PERCENT], axis=0)
    return points[((points >= low) & (points <= high)).all(axis=1)]


def oblique_rotation(mesh: Mesh, up: np.ndarray) -> np.ndarray:
    """Camera axes (3, 3) in the world, looking at the fronts of most walls from above.

    The mean horizontal normal, of the walls that were seen, points at the side to look from.
    """
    up = _unit(up)
    normals = mesh.normals.astype(np.float64)
    horizontal = normals - (normals @ up)[:, None] * up
    towards = horizontal.mean(axis=0)
    if np.linalg.norm(towards) < 0.02:  # walls all around: any side is as good
        towards = _longest_direction(mesh.vertices.astype(np.float64), up)
        towards = np.cross(up, towards)
    away = np.cos(ELEVATION) * _unit(towards) + np.sin(ELEVATION) * up
    forward = -away
    right = _unit(np.cross(forward, up))
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _framed(
    points: np.ndarray, rotation: np.ndarray, aspect: float, field_of_view: float
) -> np.ndarray:
    """Pose (4, 4) with the given axes, so far back that the points (N, 3) fill the picture."""
    local = points @ rotation
    centre = (local.min(axis=0) + local.max(axis=0)) / 2
    half_y = np.tan(field_of_view / 2) * FILL
    half_x = half_y * aspect
    for _ in range(3):  # the outline shifts with perspective; so centre what is seen, again
        x, y, z = (local - centre).T
        back = float(np.max(np.maximum(np.abs(x) / half_x, np.abs(y) / half_y) - z))
        back = max(back, 1e-6)
        u, v = x / (z + back), y / (z + back)
        depth = float(np.median(z) + back)
        centre[0] += (u.min() + u.max()) / 2 * depth
        centre[1] += (v.min() + v.max()) / 2 * depth
    x, y, z = (local - centre).T
    back = float(np.max(np.maximum(np.abs(x) / half_x, np.abs(y) / half_y) - z))
    return pose(rotation, rotation @ (centre - np.array([0.0, 0.0, max(back, 1e-6)])))


def _render(
    mesh: Mesh, width: int, height: int, T_world_camera: np.ndarray, field_of_view: float
) -> np.ndarray:
    return MeshRenderer(mesh).picture(width, height, T_world_camera, field_of_view)


def _longest_direction(points: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Unit vector (3,) across the axis along which the points (N, 3) spread the most."""
    flat = points - (points @ axis)[:, None] * axis
    flat = flat - flat.mean(axis=0)
    _values, vectors = np.linalg.eigh(flat.T @ flat)
    return _unit(vectors[:, -1] - (vectors[:, -1] @ axis) * axis)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)

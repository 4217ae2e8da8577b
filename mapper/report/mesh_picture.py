"""Pictures of a coloured mesh, made by ray casting: no GPU, no display."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.geometry import pose
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.runtime.open3d_loader import load_open3d

BACKGROUND_TOP: Final = np.array([250, 251, 252], np.float32)
BACKGROUND_BOTTOM: Final = np.array([226, 230, 235], np.float32)
SUPERSAMPLING: Final = 2
# Of a picture that are made at once. What they take stays in the processor's cache and is reused;
# arrays of a whole picture are got from the system page by page at every step, and given back.
STRIP_ROWS: Final = 32
FIELD_OF_VIEW: Final = np.radians(38.0)  # vertical; the bird's eye is narrower, nearly parallel
TOP_FIELD_OF_VIEW: Final = np.radians(6.0)
ELEVATION: Final = np.radians(42.0)
FILL: Final = 0.92  # of the picture that the mesh takes up
MAX_PASSES: Final = 6  # walls a ray may pass through from behind
AMBIENT: Final = 0.58
BRIGHTEST: Final = 1.15
LIGHT_IN_CAMERA: Final = np.array([-0.3, -0.45, -0.84])  # towards the light: left, above, behind
OUTLIER_PERCENT: Final = 0.5
MIN_FOR_STRAYS: Final = 1000  # vertices; of fewer, those furthest out are most of the mesh
UP_CONES: Final = tuple(np.radians([60.0, 40.0, 30.0, 20.0]))  # half angles around "up"
UP_ROUNDS: Final = 5


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
        points = _visible_points(mesh)
        rotation = _oblique_rotation(mesh, np.asarray(up, np.float64))
        T_world_camera = _framed(points, rotation, width / height, FIELD_OF_VIEW)
    return _render(mesh, width, height, T_world_camera, FIELD_OF_VIEW)


def render_mesh_top(
    mesh: Mesh,
    width: int = 1280,
    height: int = 800,
    up: tuple[float, float, float] = (0.0, -1.0, 0.0),
) -> np.ndarray:
    """Picture uint8 (height, width, 3), RGB, from straight above, nearly without perspective.

    The longer side of the map lies along the picture's width, the world's +z points up in it.
    """
    points = _visible_points(mesh)
    down = -_unit(np.asarray(up, np.float64))
    right = _longest_direction(points, down)
    if np.cross(down, right)[2] > 0:
        right = -right
    rotation = np.stack([right, np.cross(down, right), down], axis=1)
    T_world_camera = _framed(points, rotation, width / height, TOP_FIELD_OF_VIEW)
    return _render(mesh, width, height, T_world_camera, TOP_FIELD_OF_VIEW)


def estimate_up(mesh: Mesh) -> np.ndarray:
    """float64 (3,): unit vector that points up in the world, by the surfaces that face up.

    A camera is held upright more or less, so up is near (0, -1, 0): the mean of the vertex
    normals around it, in an ever narrower cone. (0, -1, 0) where no normal is near it.
    """
    default = np.array([0.0, -1.0, 0.0])
    normals = mesh.normals.astype(np.float64)
    up = default
    for half_angle in UP_CONES:
        for _ in range(UP_ROUNDS):
            total = normals[normals @ up > np.cos(half_angle)].sum(axis=0)
            if np.linalg.norm(total) < 1e-6:
                return default
            up = _unit(total)
    return up


def _visible_points(mesh: Mesh) -> np.ndarray:
    """Vertices (N, 3) less the outermost strays, float64; all of a few. InputError where there is
    no surface."""
    if len(mesh.faces) == 0 or len(mesh.vertices) == 0:
        raise InputError("the mesh has no faces, so there is nothing to picture")
    points = mesh.vertices[:: max(1, len(mesh.vertices) // 50_000)].astype(np.float64)
    if len(points) < MIN_FOR_STRAYS:
        return points
    low, high = np.percentile(points, [OUTLIER_PERCENT, 100 - OUTLIER_PERCENT], axis=0)
    return points[((points >= low) & (points <= high)).all(axis=1)]


def _oblique_rotation(mesh: Mesh, up: np.ndarray) -> np.ndarray:
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
    if len(mesh.faces) == 0:
        raise InputError("the mesh has no faces, so there is nothing to picture")
    w, h = width * SUPERSAMPLING, height * SUPERSAMPLING
    o3d = load_open3d()
    scene = _scene(o3d, mesh)
    beyond = 1e-5 * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    blend = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    background = BACKGROUND_TOP * (1 - blend) + BACKGROUND_BOTTOM * blend
    image = np.empty((height, width, 3), np.float32)
    for top in range(0, height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, height)
        rows = np.arange(SUPERSAMPLING * top, SUPERSAMPLING * bottom)
        rays = _rays(w, h, rows, T_world_camera, field_of_view)
        faces, weights = _cast(o3d, scene, rays, beyond)
        colors = np.repeat(background[rows], w, axis=0)
        hit = faces >= 0
        colors[hit] = _shade(mesh, faces[hit], weights[hit], T_world_camera[:3, :3])
        strip = colors.reshape(len(rows), w, 3)
        image[top:bottom] = cv2.resize(strip, (width, bottom - top), interpolation=cv2.INTER_AREA)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _rays(
    width: int, height: int, rows: np.ndarray, T_world_camera: np.ndarray, field_of_view: float
) -> np.ndarray:
    """float32 (rows * width, 6): origin and unit direction of the ray through each pixel of these
    rows of a picture."""
    focal = height / 2 / np.tan(field_of_view / 2)
    rows, columns = np.meshgrid(
        rows.astype(np.float32), np.arange(width, dtype=np.float32), indexing="ij"
    )
    x, y = (columns - (width - 1) / 2) / focal, (rows - (height - 1) / 2) / focal
    directions = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    directions = directions @ T_world_camera[:3, :3].T.astype(np.float32)
    directions /= np.sqrt(_dot(directions, directions))[:, None]
    origins = np.broadcast_to(T_world_camera[:3, 3].astype(np.float32), directions.shape)
    return np.concatenate([origins, directions], axis=1).astype(np.float32)


def _cast(
    o3d: ModuleType, scene: Any, rays: np.ndarray, beyond: float
) -> tuple[np.ndarray, np.ndarray]:
    """The first face that each ray (R, 6) meets from its front: index (R,) or -1, uv (R, 2).

    beyond: units past a face that is seen from behind, where the ray goes on.
    """
    faces = np.full(len(rays), -1, dtype=np.int64)
    weights = np.zeros((len(rays), 2), dtype=np.float32)
    pending = np.arange(len(rays))
    batch = rays
    for _ in range(MAX_PASSES):
        answer = scene.cast_rays(o3d.core.Tensor(batch))
        distance = answer["t_hit"].numpy()
        normals = answer["primitive_normals"].numpy()
        hit = np.isfinite(distance)
        front = hit & (_dot(normals, batch[:, 3:]) < 0)
        faces[pending[front]] = answer["primitive_ids"].numpy()[front]
        weights[pending[front]] = answer["primitive_uvs"].numpy()[front]
        behind = hit & ~front
        pending = pending[behind]
        if len(pending) == 0:
            break
        step = distance[behind] + beyond
        batch = batch[behind]
        batch[:, :3] += step[:, None] * batch[:, 3:]
    return faces, weights


def _scene(o3d: ModuleType, mesh: Mesh) -> Any:
    scene = o3d.t.geometry.RaycastingScene()
    vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
    triangles = np.ascontiguousarray(mesh.faces, dtype=np.uint32)
    scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(triangles))
    return scene


def _shade(mesh: Mesh, faces: np.ndarray, uv: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Colours float32 (R, 3), 0 to 255, of hits with barycentric uv (R, 2): Lambert on ambient."""
    corners = mesh.faces[faces]
    weights = np.stack([1 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]], axis=1)
    colors = np.einsum("rck,rc->rk", mesh.colors[corners].astype(np.float32), weights)
    normals = np.einsum("rck,rc->rk", mesh.normals[corners], weights)
    normals /= np.maximum(np.sqrt(_dot(normals, normals)), 1e-9)[:, None]
    light = (rotation @ _unit(LIGHT_IN_CAMERA)).astype(np.float32)
    lambert = np.clip(normals @ light, 0, 1)
    shade = AMBIENT + (BRIGHTEST - AMBIENT) * lambert
    return np.clip(colors * shade[:, None], 0, 255)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products (N,) of vectors (N, 3)."""
    return np.asarray(np.einsum("nk,nk->n", a, b))


def _longest_direction(points: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Unit vector (3,) across the axis along which the points (N, 3) spread the most."""
    flat = points - (points @ axis)[:, None] * axis
    flat = flat - flat.mean(axis=0)
    _values, vectors = np.linalg.eigh(flat.T @ flat)
    return _unit(vectors[:, -1] - (vectors[:, -1] @ axis) * axis)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)

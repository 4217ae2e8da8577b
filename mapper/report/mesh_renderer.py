"""A coloured mesh seen by a camera, by ray casting: no GPU, no display."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.runtime.open3d_loader import load_open3d

BACKGROUND_TOP: Final = np.array([250, 251, 252], np.float32)
BACKGROUND_BOTTOM: Final = np.array([226, 230, 235], np.float32)
SUPERSAMPLING: Final = 2
# Of a picture that are made at once. What they take stays in the processor's cache and is reused;
# arrays of a whole picture are got from the system page by page at every step, and given back.
STRIP_ROWS: Final = 32
MAX_PASSES: Final = 6  # walls a ray may pass through from behind
AMBIENT: Final = 0.58
BRIGHTEST: Final = 1.15
LIGHT: Final = np.array([-0.3, -0.45, -0.84])  # in the camera: to the left, above and behind
TOWARDS_LIGHT: Final = LIGHT / np.linalg.norm(LIGHT)


class MeshRenderer:
    """One mesh, from any number of places. Raises InputError for one without faces.

    supersampling: rays along each side of a pixel; 1 takes a quarter of the time of 2.
    """

    def __init__(self, mesh: Mesh, supersampling: int = SUPERSAMPLING) -> None:
        if len(mesh.faces) == 0:
            raise InputError("the mesh has no faces, so there is nothing to picture")
        self._mesh = mesh
        self._supersampling = supersampling
        self._o3d = load_open3d()
        self._scene = _scene(self._o3d, mesh)
        self._beyond = 1e-5 * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))

    def picture(
        self, width: int, height: int, T_world_camera: np.ndarray, field_of_view: float
    ) -> np.ndarray:
        """uint8 (height, width, 3), RGB. T_world_camera: (4, 4), OpenCV axes. field_of_view:
        vertical, radians. Faces seen from behind are left out."""
        w, h = width * self._supersampling, height * self._supersampling
        blend = np.linspace(0, 1, h, dtype=np.float32)[:, None]
        background = BACKGROUND_TOP * (1 - blend) + BACKGROUND_BOTTOM * blend
        image = np.empty((height, width, 3), np.float32)
        for top in range(0, height, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, height)
            rows = np.arange(self._supersampling * top, self._supersampling * bottom)
            rays = _rays((w, h), rows, T_world_camera, field_of_view)
            faces, weights = _cast(self._o3d, self._scene, rays, self._beyond)
            colors = np.repeat(background[rows], w, axis=0)
            hit = faces >= 0
            colors[hit] = _shade(self._mesh, faces[hit], weights[hit], T_world_camera[:3, :3])
            strip = colors.reshape(len(rows), w, 3)
            size = (width, bottom - top)
            image[top:bottom] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _rays(
    size: tuple[int, int], rows: np.ndarray, T_world_camera: np.ndarray, field_of_view: float
) -> np.ndarray:
    """float32 (rows * width, 6): origin and unit direction of the ray through each pixel of these
    rows of a picture. size: width and height."""
    width, height = size
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
    light = (rotation @ TOWARDS_LIGHT).astype(np.float32)
    lambert = np.clip(normals @ light, 0, 1)
    shade = AMBIENT + (BRIGHTEST - AMBIENT) * lambert
    return np.clip(colors * shade[:, None], 0, 255)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products (N,) of vectors (N, 3)."""
    return np.asarray(np.einsum("nk,nk->n", a, b))

"""Rays against the surface of a mesh."""

from __future__ import annotations

import numpy as np

from mapper.core.mesh import Mesh
from mapper.runtime.open3d_loader import load_open3d


class SurfaceRays:
    """A mesh that has faces."""

    def __init__(self, mesh: Mesh) -> None:
        self._o3d = load_open3d()
        core = self._o3d.core
        self._scene = self._o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            core.Tensor(mesh.vertices.astype(np.float32)), core.Tensor(mesh.faces.astype(np.uint32))
        )

    def distances(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """float64 (N,): how many times each direction (N, 3) leads from its origin, (3,) or (N, 3),
        to the first surface; infinite where there is none."""
        return self.hits(origins, directions)[0]

    def hits(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The distances, and the normals (N, 3) of the faces that are met."""
        rays = np.concatenate([np.broadcast_to(origins, directions.shape), directions], axis=1)
        met = self._scene.cast_rays(self._o3d.core.Tensor(rays.astype(np.float32)), nthreads=1)
        return met["t_hit"].numpy().astype(float), met["primitive_normals"].numpy()

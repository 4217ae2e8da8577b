"""Triangles out of TSDF blocks, through Open3D's marching cubes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapper.mesh import Mesh
from mapper.open3d_loader import load_open3d

if TYPE_CHECKING:
    from mapper.backend.tsdf import TsdfConfig


def extract_mesh(
    coordinates: np.ndarray,
    distance: np.ndarray,
    weight: np.ndarray,
    color: np.ndarray,
    config: TsdfConfig,
) -> Mesh:
    """Mesh of n blocks: coordinates int32 (n, 3); distance, weight float32 (n, 512) and color
    float32 (n, 512, 3) as weighted sums. Voxels below config.min_weight count as unseen."""
    if len(coordinates) == 0:
        return empty_mesh()
    o3d = load_open3d()
    core = o3d.core
    n, block = len(coordinates), 8
    safe = np.maximum(weight, np.float32(1e-6))
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"),
        (core.float32, core.float32, core.float32),
        ((1), (1), (3)),
        config.voxel_size,
        block,
        n,
    )
    shape = (n, block, block, block)
    band = np.float32(config.truncation_voxels * config.voxel_size)
    grid.hashmap().insert(
        core.Tensor(np.ascontiguousarray(coordinates)),
        [
            core.Tensor((distance / safe / band).reshape(*shape, 1)),
            core.Tensor(np.ascontiguousarray(weight).reshape(*shape, 1)),
            core.Tensor((color / safe[..., None]).reshape(*shape, 3)),
        ],
    )
    return _to_mesh(grid.extract_triangle_mesh(config.min_weight))


def empty_mesh() -> Mesh:
    """A mesh of nothing."""
    return Mesh(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.int32),
        np.zeros((0, 3), np.uint8),
        np.zeros((0, 3), np.float32),
    )


def _to_mesh(triangles: object) -> Mesh:
    vertex = triangles.vertex  # type: ignore[attr-defined]
    if "positions" not in vertex or len(vertex.positions) == 0:
        return empty_mesh()
    colors = np.clip(vertex.colors.numpy() * 255.0, 0, 255).astype(np.uint8)
    return Mesh(
        vertex.positions.numpy(),
        triangles.triangle.indices.numpy().astype(np.int32),  # type: ignore[attr-defined]
        colors,
        vertex.normals.numpy(),
    )

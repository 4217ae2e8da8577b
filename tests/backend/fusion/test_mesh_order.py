"""Equal blocks give equal meshes to the last bit, whatever order things are found in."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.mesh_order import in_order
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.fusion.tsdf_kernels import BLOCK
from mapper.backend.fusion.tsdf_mesh import extract_mesh
from mapper.core.mesh import Mesh

CONFIG = TsdfConfig(voxel_size=0.02)
CELL = BLOCK * CONFIG.voxel_size
TIMES = 6


def corners_at_zero() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Blocks whose distances are often exactly zero, so that many vertices share a place."""
    span = np.arange(-2, 2)
    blocks = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    z, y, x = np.indices((BLOCK, BLOCK, BLOCK)).reshape(3, -1)
    i, j, k = np.moveaxis(blocks[:, None] * BLOCK + np.stack([x, y, z], -1)[None], -1, 0)
    distance = (((7 * i + 13 * j + 5 * k + i * j) % 4 - 1) * CONFIG.voxel_size).astype(np.float32)
    weight = np.ones_like(distance)
    color = np.full((*weight.shape, 4), 0.5, np.float32)
    color[..., 3] = 1
    return blocks.astype(np.int32), distance, weight, color


def content(mesh: Mesh) -> tuple[bytes, ...]:
    return tuple(a.tobytes() for a in (mesh.vertices, mesh.faces, mesh.colors, mesh.normals))


def shuffled(mesh: Mesh, seed: int) -> Mesh:
    """The same surface with its vertices and faces in another order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(mesh.vertices))
    faces = np.argsort(order)[mesh.faces][rng.permutation(len(mesh.faces))].astype(np.int32)
    return Mesh(mesh.vertices[order], faces, mesh.colors[order], mesh.normals[order])


def triangles(mesh: Mesh) -> np.ndarray:
    """Corners with colours and normals, sorted as triangles; each begins where it began."""
    rows = np.concatenate([mesh.vertices, mesh.normals, mesh.colors], axis=1)
    corners = rows[mesh.faces].reshape(len(mesh.faces), -1)
    return corners[np.lexsort(corners.T)]


@pytest.mark.parametrize("max_blocks", [10**6, 20])
def test_blocks_in_any_order_give_the_same_bytes(max_blocks: int) -> None:
    blocks = corners_at_zero()
    seen = set()
    for seed in range(TIMES):
        order = np.random.default_rng(seed).permutation(len(blocks[0]))
        coordinates, distance, weight, color = (part[order] for part in blocks)
        mesh = extract_mesh(coordinates, distance, weight, color, CONFIG, max_blocks)
        seen.add(content(mesh))
    assert len(seen) == 1
    assert len(np.unique(mesh.vertices, axis=0)) < len(mesh.vertices)  # hard cases are among them


def test_a_surface_that_is_put_in_order_stays_the_same_surface() -> None:
    mesh = extract_mesh(*corners_at_zero(), CONFIG)
    other = shuffled(mesh, 1)
    assert content(other) != content(mesh)
    again = in_order(other, CELL)
    assert content(again) == content(mesh)
    np.testing.assert_array_equal(triangles(again), triangles(other))


def test_vertices_lie_cell_by_cell() -> None:
    """What is near in space is near in the file: each cell is one stretch of it."""
    mesh = extract_mesh(*corners_at_zero(), CONFIG)
    cells = np.floor(mesh.vertices / np.float32(CELL)).astype(int)
    changes = (cells[1:] != cells[:-1]).any(axis=1).sum()
    assert changes + 1 == len(np.unique(cells, axis=0))


def test_twins_of_which_one_is_used_first_keep_their_faces_apart() -> None:
    """Two vertices alike in all: the one of the earlier face comes first, from either order."""
    vertices = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
    normals, colors = np.zeros_like(vertices), np.zeros((5, 3), np.uint8)
    one = Mesh(vertices, np.array([[0, 2, 3], [1, 3, 4]], np.int32), colors, normals)
    other = Mesh(vertices, np.array([[0, 3, 4], [1, 2, 3]], np.int32), colors, normals)
    assert content(in_order(one, 8.0)) == content(in_order(other, 8.0))
    assert len(np.unique(in_order(one, 8.0).faces)) == 5


def test_a_mesh_of_nothing_and_a_cloud_pass() -> None:
    nothing = Mesh(*(np.zeros((0, 3), t) for t in (np.float32, np.int32, np.uint8, np.float32)))
    assert content(in_order(nothing, CELL)) == content(nothing)
    cloud = extract_mesh(*corners_at_zero(), CONFIG)
    cloud = Mesh(cloud.vertices, np.zeros((0, 3), np.int32), cloud.colors, cloud.normals)
    assert len(in_order(shuffled(cloud, 2), CELL).faces) == 0

"""Meshes taken out of the volume part by part are the same as taken out at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.fusion.tsdf_kernels import BLOCK
from mapper.backend.fusion.tsdf_mesh import _Box, _boxes, extract_mesh
from mapper.core.mesh import Mesh

RADIUS = 0.43


Blocks = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sphere_blocks(config: TsdfConfig, offset: float) -> Blocks:
    """coordinates (n, 3), distance, weight (n, 512), color (n, 512, 4) of a whole sphere.

    offset: metres that its centre lies off the origin along each axis.
    """
    reach = int(np.ceil((RADIUS + 0.1) / (BLOCK * config.voxel_size)))
    span = np.arange(-reach, reach)
    blocks = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    z, y, x = np.indices((BLOCK, BLOCK, BLOCK)).reshape(3, -1)  # Open3D: x runs fastest
    voxels = blocks[:, None] * BLOCK + np.stack([x, y, z], -1)[None]
    points = voxels * config.voxel_size - offset
    band = config.truncation_voxels * config.voxel_size
    distance = np.clip(np.linalg.norm(points, axis=-1) - RADIUS, -band, band).astype(np.float32)
    near = (np.abs(distance) < band).any(axis=1)
    weight = np.full(distance[near].shape, 2.0, np.float32)
    color = np.clip(points[near] + 0.5, 0, 1).astype(np.float32) * weight[..., None]
    color = np.concatenate([color, weight[..., None]], axis=-1)
    return blocks[near].astype(np.int32), distance[near] * weight, weight, color


def rows(mesh: Mesh) -> np.ndarray:
    """Vertices with normals and colours, sorted."""
    return np.unique(np.concatenate([mesh.vertices, mesh.normals, mesh.colors], 1), axis=0)


def triangles(mesh: Mesh) -> np.ndarray:
    return np.unique(mesh.vertices[mesh.faces].reshape(-1, 9), axis=0)


def uses_of_edges(mesh: Mesh) -> np.ndarray:
    """How many triangles each edge belongs to; 2 everywhere on a closed surface."""
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


@pytest.mark.parametrize("offset", [0.0, 0.0123])
@pytest.mark.parametrize("max_blocks", [1, 7, 60])
def test_parts_give_the_same_surface_as_the_whole(offset: float, max_blocks: int) -> None:
    config = TsdfConfig(voxel_size=0.02)
    blocks = sphere_blocks(config, offset)
    assert len(blocks[0]) > 150
    whole = extract_mesh(*blocks, config)
    parts = extract_mesh(*blocks, config, max_blocks=max_blocks)
    assert len(parts.faces) == len(whole.faces)
    assert np.array_equal(rows(parts), rows(whole))
    assert np.array_equal(triangles(parts), triangles(whole))


@pytest.mark.parametrize("max_blocks", [10**6, 20])
def test_a_sphere_comes_out_closed(max_blocks: int) -> None:
    config = TsdfConfig(voxel_size=0.02)
    mesh = extract_mesh(*sphere_blocks(config, 0.0123), config, max_blocks=max_blocks)
    assert (uses_of_edges(mesh) == 2).all()
    radii = np.linalg.norm(mesh.vertices - 0.0123, axis=1)
    assert np.abs(radii - RADIUS).max() < 0.1 * config.voxel_size
    assert len(mesh.vertices) - len(mesh.faces) // 2 == 2  # Euler: a sphere in one piece


def test_a_cut_through_unseen_space_leaves_the_open_border_alone() -> None:
    config = TsdfConfig(voxel_size=0.02)
    coordinates, distance, weight, color = sphere_blocks(config, 0.0123)
    weight = weight * (coordinates[:, :1] < 0)  # one half was never seen
    whole = extract_mesh(coordinates, distance, weight, color, config)
    parts = extract_mesh(coordinates, distance, weight, color, config, max_blocks=20)
    assert 0 < len(whole.faces) == len(parts.faces)
    assert np.array_equal(np.bincount(uses_of_edges(parts)), np.bincount(uses_of_edges(whole)))


def test_nothing_seen_is_an_empty_mesh_in_parts_too() -> None:
    config = TsdfConfig(voxel_size=0.02)
    coordinates, distance, weight, color = sphere_blocks(config, 0.0)
    heavy = replace(config, min_weight=1e3)
    mesh = extract_mesh(coordinates, distance, weight, color, heavy, max_blocks=20)
    assert len(mesh.vertices) == len(mesh.faces) == 0


@pytest.mark.parametrize("most", [7, 40])
def test_boxes_hold_few_blocks_and_each_block_is_in_one(most: int) -> None:
    """However large the map, no more than that is taken out at once."""
    drawn = np.random.default_rng(0).integers(-9, 9, (300, 3))
    coordinates = np.unique(drawn, axis=0).astype(np.int32)
    everywhere = _Box(np.full(3, -np.inf), np.full(3, np.inf))
    inside = [
        box.contains(coordinates, margin=0.0) for box in _boxes(coordinates, everywhere, most)
    ]
    assert max(held.sum() for held in inside) <= most
    np.testing.assert_array_equal(np.sum(inside, axis=0), 1)

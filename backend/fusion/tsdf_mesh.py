"""Triangles out of TSDF blocks, through Open3D's marching cubes, one part of space at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.fusion.mesh_order import in_order
from mapper.backend.fusion.tsdf_kernels import BLOCK
from mapper.core.mesh import Mesh
from mapper.runtime.open3d_loader import load_open3d, own_array

if TYPE_CHECKING:
    from mapper.backend.fusion.tsdf import TsdfConfig

MAX_BLOCKS: Final = 20_000  # at a time; Open3D copies them and needs some 20 KB for each
SEAM_VOXELS: Final = 1.5  # vertices this close to a cut may be there on both of its sides


@dataclass(frozen=True, slots=True)
class _Box:
    """A half-open box of space, [low, high), in blocks; infinite where nothing was cut."""

    low: np.ndarray
    high: np.ndarray

    def contains(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """bool (N,) of points (N, 3), for the box grown by `margin` on all sides."""
        inside = (points >= self.low - margin) & (points < self.high + margin)
        return np.logical_and.reduce(inside, axis=1)


def extract_mesh(
    coordinates: np.ndarray,
    distance: np.ndarray,
    weight: np.ndarray,
    color: np.ndarray,
    config: TsdfConfig,
    max_blocks: int = MAX_BLOCKS,
) -> Mesh:
    """Mesh of n blocks: coordinates int32 (n, 3); distance, weight float32 (n, 512) and color
    float32 (n, 512, 4) as weighted sums, of the colours with their weights. Voxels below
    config.min_weight count as unseen.

    More than max_blocks are meshed box by box, each with the blocks around it, so that every
    triangle comes out the same as from the whole; it counts in the box that holds its centre.
    Equal blocks give equal meshes, in whatever order they come, to the last bit: see mesh_order.
    """
    if len(coordinates) == 0:
        return empty_mesh()
    everywhere = _Box(np.full(3, -np.inf), np.full(3, np.inf))
    if len(coordinates) <= max_blocks:
        return _extract_blocks(coordinates, distance, weight, color, config)
    parts: list[Mesh] = []
    seams: list[np.ndarray] = []
    for box in _boxes(coordinates, everywhere, max_blocks):
        chosen = np.nonzero(box.contains(coordinates, margin=1.0))[0]
        part = _extract_blocks(
            coordinates[chosen], distance[chosen], weight[chosen], color[chosen], config
        )
        part, seam = _cut_out(part, box, config.voxel_size)
        parts.append(part)
        seams.append(seam)
    return in_order(_joined(parts, seams), BLOCK * config.voxel_size)


def empty_mesh() -> Mesh:
    """A mesh of nothing."""
    return Mesh(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.int32),
        np.zeros((0, 3), np.uint8),
        np.zeros((0, 3), np.float32),
    )


def _boxes(coordinates: np.ndarray, box: _Box, max_blocks: int) -> Iterator[_Box]:
    """Boxes of at most max_blocks blocks (n, 3) each, that fill `box`; cut at medians."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    axis = int(np.argmax(high - low))
    if len(coordinates) <= max_blocks or low[axis] == high[axis]:
        yield box
        return
    cut = max(int(np.median(coordinates[:, axis])), int(low[axis]) + 1)
    below = coordinates[:, axis] < cut
    middle_high, middle_low = box.high.copy(), box.low.copy()
    middle_high[axis] = middle_low[axis] = cut
    yield from _boxes(coordinates[below], _Box(box.low, middle_high), max_blocks)
    yield from _boxes(coordinates[~below], _Box(middle_low, box.high), max_blocks)


def _extract_blocks(
    coordinates: np.ndarray,
    distance: np.ndarray,
    weight: np.ndarray,
    color: np.ndarray,
    config: TsdfConfig,
) -> Mesh:
    """All blocks at once; arrays as in extract_mesh."""
    o3d = load_open3d()
    core = o3d.core
    n = len(coordinates)
    safe = np.maximum(weight, np.float32(1e-6))
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"),
        (core.float32, core.float32, core.float32),
        ((1), (1), (3)),
        config.voxel_size,
        BLOCK,
        n,
    )
    shape = (n, BLOCK, BLOCK, BLOCK)
    band = np.float32(config.truncation_voxels * config.voxel_size)
    grid.hashmap().insert(
        core.Tensor(np.ascontiguousarray(coordinates)),
        [
            core.Tensor((distance / safe / band).reshape(*shape, 1)),
            core.Tensor(np.ascontiguousarray(weight).reshape(*shape, 1)),
            core.Tensor(_mean_colors(color).reshape(*shape, 3)),
        ],
    )
    mesh = _to_mesh(grid.extract_triangle_mesh(config.min_weight))
    return in_order(mesh, BLOCK * config.voxel_size)


def _mean_colors(color: np.ndarray) -> np.ndarray:
    """float32 (n, 512, 3), 0..255, of weighted sums (n, 512, 4)."""
    return np.asarray(color[..., :3] / np.maximum(color[..., 3:], np.float32(1e-6)))


def _to_mesh(triangles: object) -> Mesh:
    vertex = triangles.vertex  # type: ignore[attr-defined]
    if "positions" not in vertex or len(vertex.positions) == 0:
        return empty_mesh()
    colors = np.clip(vertex.colors.numpy() * 255.0, 0, 255).astype(np.uint8)
    return Mesh(
        own_array(vertex.positions),
        triangles.triangle.indices.numpy().astype(np.int32),  # type: ignore[attr-defined]
        colors,
        own_array(vertex.normals),
    )


def _cut_out(mesh: Mesh, box: _Box, voxel_size: float) -> tuple[Mesh, np.ndarray]:
    """The triangles whose centres lie in the box, and bool (N,): vertices beside a cut.

    Centres are the same numbers whichever box they were computed in, so none counts twice.
    """
    vertices = mesh.vertices.astype(np.float64) / (BLOCK * voxel_size)  # in blocks
    faces = mesh.faces[box.contains(vertices[mesh.faces].mean(axis=1))]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    kept = Mesh(
        mesh.vertices[used],
        number[faces].astype(np.int32).reshape(-1, 3),
        mesh.colors[used],
        mesh.normals[used],
    )
    return kept, ~box.contains(vertices[used], margin=-SEAM_VOXELS / BLOCK)


def _joined(parts: list[Mesh], seams: list[np.ndarray]) -> Mesh:
    """One mesh; vertices on the seams that are bitwise the same become one."""
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    vertices = np.concatenate([part.vertices for part in parts])
    seam = np.nonzero(np.concatenate(seams))[0]
    _, first, group = np.unique(vertices[seam], axis=0, return_index=True, return_inverse=True)
    target = np.arange(len(vertices))
    target[seam] = seam[first[group.ravel()]]
    kept = target == np.arange(len(vertices))
    number = (np.cumsum(kept) - 1)[target]
    faces = [number[part.faces + offset] for part, offset in zip(parts, offsets[:-1], strict=True)]
    return Mesh(
        vertices[kept],
        np.concatenate(faces).astype(np.int32).reshape(-1, 3),
        np.concatenate([part.colors for part in parts])[kept],
        np.concatenate([part.normals for part in parts])[kept],
    )

"""Leaves the crumbs of a surface out: small pieces that hang on nothing."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mapper.core.mesh import Mesh


def without_crumbs(mesh: Mesh, min_area: float) -> Mesh:
    """The mesh without connected pieces of less than that area, square units; the largest stays.

    Vertices and faces keep their order.
    """
    if min_area <= 0 or len(mesh.faces) == 0:
        return mesh
    edges = mesh.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    count = len(mesh.vertices)
    graph = coo_matrix((np.ones(len(edges), bool), tuple(edges.T)), shape=(count, count))
    _, piece_of_vertex = connected_components(graph, directed=False)
    piece = piece_of_vertex[mesh.faces[:, 0]]
    areas = np.bincount(piece, _areas(mesh))
    kept = areas[piece] >= min(min_area, areas.max())
    if kept.all():
        return mesh
    faces = mesh.faces[kept]
    used = np.zeros(count, bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    return Mesh(
        mesh.vertices[used],
        number[faces].astype(np.int32).reshape(-1, 3),
        mesh.colors[used],
        mesh.normals[used],
    )


def _areas(mesh: Mesh) -> np.ndarray:
    """float64 (M,), square units, of each face."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(np.float64) for corner in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)

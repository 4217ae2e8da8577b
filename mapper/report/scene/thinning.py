"""Fewer faces, for a page that has to stay small."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.mesh import Mesh

ROUNDS: Final = 12
STEP: Final = 1.3  # cells grow by at least that, for the count of faces is no smooth function


def thinned(mesh: Mesh, most_faces: int) -> Mesh:
    """The mesh with at most so many faces: vertices of one cell of a grid become their mean.

    Vertex clustering (Rossignac and Borrel, "Multi-resolution 3D approximations for rendering
    complex scenes", 1993): holes stay holes and nothing is moved by more than a cell, in a tenth of
    the time that edges take to collapse. A mesh that has few enough comes back as it is.
    """
    if len(mesh.faces) <= most_faces:
        return mesh
    cell = _mean_edge(mesh) * float(np.sqrt(len(mesh.faces) / most_faces))
    for _ in range(ROUNDS):
        found = _clustered(mesh, cell)
        if len(found.faces) <= most_faces:
            return found
        cell *= max(STEP, float(np.sqrt(len(found.faces) / most_faces)))
    return Mesh(mesh.vertices, mesh.faces[:0], mesh.colors, mesh.normals)


def _mean_edge(mesh: Mesh) -> float:
    corners = mesh.vertices[mesh.faces[:: max(1, len(mesh.faces) // 20_000)]]
    return max(float(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1).mean()), 1e-9)


def _clustered(mesh: Mesh, cell: float) -> Mesh:
    cells = np.floor((mesh.vertices - mesh.vertices.min(axis=0)) / cell).astype(np.int64)
    size = cells.max(axis=0) + 1
    keys = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    _, cluster, count = np.unique(keys, return_inverse=True, return_counts=True)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(cluster, column, len(count)) for column in values.T]
        return np.stack(sums, axis=1) / count[:, None]

    normals = mean(mesh.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return Mesh(
        mean(mesh.vertices).astype(np.float32),
        _distinct(cluster[mesh.faces].astype(np.int32)),
        np.round(mean(mesh.colors)).astype(np.uint8),
        normals.astype(np.float32),
    )


def _distinct(faces: np.ndarray) -> np.ndarray:
    """Without those of which two corners became one, each once."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    first = faces.argmin(axis=1)[:, None]
    turned = np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1)  # the side stays
    return np.unique(turned, axis=0) if len(turned) else turned

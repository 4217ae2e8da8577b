"""One order for the vertices and faces of a surface, however the threads that found them ran.

Marching cubes in parallel numbers vertices as they come: the same surface is another file each
time. In this order equal surfaces are equal files.
"""

from __future__ import annotations

import numpy as np

from mapper.core.mesh import Mesh

BITS = 21  # of a cell's coordinate, so that three make one key


def in_order(mesh: Mesh, cell: float) -> Mesh:
    """The mesh with its vertices by cell (cubes of side `cell`, metres), then by position.

    Faces follow their first vertices, so that what is near in space is near in the file too.
    Which corner a face begins with stays: the surface's orientation is in it.
    """
    order = _vertex_order(mesh, cell)
    mesh = Mesh(
        mesh.vertices[order],
        _renumbered(mesh.faces, order),
        mesh.colors[order],
        mesh.normals[order],
    )
    twin = _twins(mesh)
    faces = mesh.faces if twin is None else twin[mesh.faces]
    faces_in_order = mesh.faces[_face_order(faces)]
    if twin is not None:
        faces_in_order = _twins_by_first_use(faces_in_order, twin)
    return Mesh(mesh.vertices, faces_in_order, mesh.colors, mesh.normals)


def _vertex_order(mesh: Mesh, cell: float) -> np.ndarray:
    """(N,): which vertex comes first, second ...; those with equal positions by normal, colour."""
    cells = np.floor(mesh.vertices / np.float32(cell)).astype(np.int64)
    key = (cells[:, 2] << (2 * BITS)) + (cells[:, 1] << BITS) + cells[:, 0]
    x, y, z = mesh.vertices.T
    order = np.lexsort((x, y, z, key))
    at = mesh.vertices[order]
    same = (at[1:] == at[:-1]).all(axis=1)
    if not same.any():
        return order
    place = np.concatenate([[0], np.cumsum(~same)])  # 0, 1 ... of the different positions
    shared = _in_company(same)
    rows = _attributes(mesh, order[shared])
    order[shared] = order[shared[np.lexsort((*rows.T, place[shared]))]]
    return order


def _in_company(same: np.ndarray) -> np.ndarray:
    """Which of N vertices have one beside them that is the same: few, so only these are compared
    in full. same: bool (N - 1,), each with the next one."""
    return np.flatnonzero(np.append(same, False) | np.append(False, same))


def _attributes(mesh: Mesh, chosen: np.ndarray) -> np.ndarray:
    """int32 (n, 9): every bit of the chosen vertices, NaN and the sign of zero among them."""
    vertices, normals = mesh.vertices[chosen], mesh.normals[chosen]
    floats = np.concatenate([vertices, normals], axis=1, dtype=np.float32)
    return np.concatenate([floats.view(np.int32), mesh.colors[chosen].astype(np.int32)], axis=1)


def _twins(mesh: Mesh) -> np.ndarray | None:
    """(N,): of each vertex the first one that is the same in all; None where all differ."""
    same = (mesh.vertices[1:] == mesh.vertices[:-1]).all(axis=1)
    place = np.flatnonzero(same)
    differ = (_attributes(mesh, place) != _attributes(mesh, place + 1)).any(axis=1)
    if differ.all():
        return None
    begins = np.full(len(mesh.vertices), True)
    begins[place + 1] = differ
    return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def _face_order(faces: np.ndarray) -> np.ndarray:
    """(M,): which of faces (M, 3) comes first, second ..."""
    first, second, third = faces.T.astype(np.int64)
    return np.lexsort((third, (first << 32) + second))


def _twins_by_first_use(faces: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Twins have nothing of their own to be told apart by but the faces that they are part of."""
    uses = faces.ravel()
    first_use = np.full(len(twin), len(uses))
    first_use[uses[::-1]] = np.arange(len(uses))[::-1]
    shared = _in_company(twin[1:] == twin[:-1])
    order = np.arange(len(twin))
    order[shared] = shared[np.lexsort((first_use[shared], twin[shared]))]
    return _renumbered(faces, order)


def _renumbered(faces: np.ndarray, order: np.ndarray) -> np.ndarray:
    """int32 (M, 3): faces of the vertices that stand in that order now."""
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number[faces].reshape(-1, 3)

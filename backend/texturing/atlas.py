"""A surface of few triangles, laid out flat: the atlas that photographs are painted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mapper.backend.texturing.painting_kernels import cover
from mapper.core.mesh import Mesh
from mapper.errors import ConfigError, InputError
from mapper.runtime.open3d_loader import load_open3d

SMOOTHING: Final = 10  # rounds, of what is laid out: every bump of the noise would be a chart
PADDING: Final = 4  # texels between charts


@dataclass(frozen=True, slots=True)
class Atlas:
    """mesh: vertices doubled along the seams. uv: float32 (N, 2), 0..1, v downwards. size: width
    and height of the texture. texels: int32 (T, 2), row and column of those that show surface.
    faces: int32 (T,), the triangle that each shows. points: float32 (T, 3), where in the world."""

    mesh: Mesh
    uv: np.ndarray
    size: tuple[int, int]
    texels: np.ndarray
    faces: np.ndarray
    points: np.ndarray


def decimated(mesh: Mesh, faces: int) -> Mesh:
    """At most about that many triangles, by quadric error (Garland and Heckbert, 1997)."""
    o3d = load_open3d()
    legacy = _legacy(o3d, mesh)
    if len(mesh.faces) > faces:
        legacy = legacy.simplify_quadric_decimation(faces)
    legacy.remove_degenerate_triangles()
    legacy.remove_unreferenced_vertices()
    legacy.compute_vertex_normals()
    return Mesh(
        np.array(legacy.vertices, np.float32),
        np.array(legacy.triangles, np.int32),
        np.rint(255 * np.array(legacy.vertex_colors)).astype(np.uint8),
        np.array(legacy.vertex_normals, np.float32),
    )


def unwrapped(mesh: Mesh, size: int) -> Atlas:
    """Lay a mesh out on a texture with sides of at most about `size` texels, by xatlas.

    Raises ConfigError where that package is missing.
    """
    xatlas = load_xatlas()
    o3d = load_open3d()
    smooth = _legacy(o3d, mesh).filter_smooth_taubin(SMOOTHING)
    atlas = xatlas.Atlas()
    atlas.add_mesh(np.array(smooth.vertices, np.float32), mesh.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = size, PADDING, True
    atlas.generate(xatlas.ChartOptions(), packing)
    source, faces, uv = atlas.get_mesh(0)
    if not len(faces) or not atlas.width:
        raise InputError("the surface could not be laid out; try larger voxels")
    parts = Mesh(
        mesh.vertices[source], faces.astype(np.int32), mesh.colors[source], mesh.normals[source]
    )
    return _covered(parts, np.asarray(uv, np.float32), (int(atlas.width), int(atlas.height)))


def load_xatlas() -> Any:
    """The module; ConfigError with the line to type where it is missing."""
    try:
        import xatlas
    except ImportError as error:
        raise ConfigError("textures need the package xatlas: pip install xatlas") from error
    return xatlas


def _covered(mesh: Mesh, uv: np.ndarray, size: tuple[int, int]) -> Atlas:
    shown = np.full(size[::-1], -1, np.int32)
    places = (uv * np.array(size, np.float32)).astype(np.float32)
    cover(places, mesh.faces, shown)
    texels = np.argwhere(shown >= 0).astype(np.int32)
    faces = shown[texels[:, 0], texels[:, 1]]
    points = np.empty((len(texels), 3), np.float32)
    for start in range(0, len(texels), 1 << 18):
        part = slice(start, start + (1 << 18))
        weights = _barycentric(places[mesh.faces[faces[part]]], texels[part, ::-1] + 0.5)
        points[part] = np.einsum("nk,nkd->nd", weights, mesh.vertices[mesh.faces[faces[part]]])
    return Atlas(mesh, uv, size, texels, faces, points)


def _barycentric(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weights (N, 3) of places (N, 2) in triangles (N, 3, 2); of flat ones, their first corner."""
    a, b, c = (corners[:, k].astype(np.float64) for k in range(3))
    ab, ac, ap = b - a, c - a, places - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    safe = np.where(np.abs(area) > 1e-12, area, np.inf)
    v = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / safe
    w = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / safe
    return np.stack([1 - v - w, v, w], axis=1)


def _legacy(o3d: Any, mesh: Mesh) -> Any:
    legacy = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)),
        o3d.utility.Vector3iVector(mesh.faces),
    )
    legacy.vertex_colors = o3d.utility.Vector3dVector(mesh.colors / 255.0)
    return legacy

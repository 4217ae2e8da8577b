"""Meshes and point clouds in files: .ply, .obj and .glb by the name's end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.mesh import Mesh
from mapper.errors import ConfigError, InputError
from mapper.io.meshes.glb import write_glb
from mapper.io.meshes.obj import write_obj
from mapper.io.meshes.ply import read_ply, write_ply

WRITERS: Final = {".ply": write_ply, ".obj": write_obj, ".glb": write_glb}


def write_mesh(path: Path | str, mesh: Mesh) -> None:
    """Write a mesh, or a point cloud where it has no faces. An empty one gives a valid file."""
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ConfigError(f"{path}: unknown mesh format; end the name in {', '.join(WRITERS)}")
    check_mesh(mesh)
    WRITERS[suffix](path, mesh)


def read_mesh(path: Path | str) -> Mesh:
    """Read a binary .ply, such as write_mesh writes."""
    if Path(path).suffix.lower() != ".ply":
        raise ConfigError(f"{path}: only .ply meshes are read back")
    mesh = read_ply(path)
    try:
        check_mesh(mesh)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return mesh


def check_mesh(mesh: Mesh) -> None:
    """InputError where arrays do not fit together or hold what is no number."""
    count = len(mesh.vertices)
    for name in ("vertices", "colors", "normals"):
        if getattr(mesh, name).shape != (count, 3):
            raise InputError(
                f"mesh with {count} vertices has {name} of shape {getattr(mesh, name).shape}; "
                f"expected ({count}, 3)"
            )
    if len(mesh.faces) and (mesh.faces.min() < 0 or mesh.faces.max() >= count):
        raise InputError(f"mesh with {count} vertices has faces that name others")
    if not np.isfinite(mesh.vertices).all() or not np.isfinite(mesh.normals).all():
        raise InputError("mesh has vertices or normals that are not finite; leave them out")

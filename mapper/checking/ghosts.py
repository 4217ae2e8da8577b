"""Surfaces that were drawn twice, a little apart: the mark of views that were put beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.checking.surface_rays import SurfaceRays
from mapper.core.mesh import Mesh

SAMPLES: Final = 20_000  # points of the surface that are looked behind
FACING: Final = 0.7  # cosine between two surfaces that are one, drawn twice
ITSELF: Final = 1.5  # voxels behind a point where it may still be the same surface, bumpy as it is
WITHIN: Final = 2.0  # truncations: a band on each side


@dataclass(frozen=True, slots=True)
class Ghosts:
    """share: of the surface, behind which the same lies again. apart: units, median distance of the
    two. points: (N, 3), where, in the world."""

    share: float
    apart: float
    points: np.ndarray


def find_ghosts(mesh: Mesh, config: TsdfConfig) -> Ghosts:
    """Of a mesh with normals out of its surfaces, as they are fused with these settings.

    The back of a thin thing faces the other way and is none.
    """
    if not len(mesh.faces):
        return Ghosts(0.0, 0.0, np.zeros((0, 3)))
    step = max(1, len(mesh.vertices) // SAMPLES)
    points = mesh.vertices[::step].astype(float)
    normals = mesh.normals[::step].astype(float)
    voxel = config.voxel_size
    inwards = -normals
    begin = ITSELF * voxel
    far, facing = SurfaceRays(mesh).hits(points + begin * inwards, inwards)
    reach = WITHIN * config.truncation_voxels * voxel
    alike = (facing * normals).sum(axis=1) >= FACING
    twice = alike & (far + begin <= reach)
    apart = float(np.median(far[twice] + begin)) if twice.any() else 0.0
    return Ghosts(float(twice.mean()), apart, points[twice])

"""The mesh in which a person sees what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.sessions.changes import Change
from mapper.comparing.compare import Comparison
from mapper.core.mesh import Mesh

APPEARED: Final = (40, 170, 70)
VANISHED: Final = (215, 50, 45)
PALE: Final = 90  # grey levels that the rest of the map is brighter, at half its contrast


def painted(comparison: Comparison) -> Mesh:
    """The later map in grey, what appeared in it green, and what vanished from the earlier red."""
    later, earlier = comparison.later_mesh, comparison.earlier_mesh
    grey = 0.5 * later.colors.mean(axis=1, keepdims=True) + PALE
    colors = np.repeat(grey.astype(np.uint8), 3, axis=1)
    colors[np.unique(later.faces[_faces(comparison.changes.appeared)])] = APPEARED
    vanished = earlier.faces[_faces(comparison.changes.vanished)]
    used, faces = np.unique(vanished, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32) + np.int32(len(later.vertices))
    return replace(
        later,
        vertices=np.concatenate([later.vertices, earlier.vertices[used]]),
        faces=np.concatenate([later.faces, faces]),
        colors=np.concatenate([colors, np.full((len(used), 3), VANISHED, np.uint8)]),
        normals=np.concatenate([later.normals, earlier.normals[used]]),
    )


def _faces(found: Sequence[Change]) -> np.ndarray:
    """int (F,), of all of them."""
    return np.concatenate([np.zeros(0, int), *(change.faces for change in found)])

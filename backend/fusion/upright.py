"""Which way is up in a map, and where its floor is."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.mesh import Mesh

UP_CONES: Final = tuple(np.radians([60.0, 40.0, 30.0, 20.0]))  # half angles around "up"
UP_ROUNDS: Final = 5


def estimate_up(mesh: Mesh) -> np.ndarray:
    """float64 (3,): unit vector that points up in the world, by the surfaces that face up.

    A camera is held upright more or less, so up is near (0, -1, 0): the mean of the vertex
    normals around it, in an ever narrower cone. (0, -1, 0) where no normal is near it.
    """
    default = np.array([0.0, -1.0, 0.0])
    normals = mesh.normals.astype(np.float64)
    up = default
    for half_angle in UP_CONES:
        for _ in range(UP_ROUNDS):
            total = normals[normals @ up > np.cos(half_angle)].sum(axis=0)
            if np.linalg.norm(total) < 1e-6:
                return default
            up = total / np.linalg.norm(total)
    return up

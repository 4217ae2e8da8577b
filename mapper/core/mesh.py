"""A coloured triangle mesh or point cloud, as fusion makes it and writers take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Mesh:
    """vertices: float32 (N, 3), world frame. faces: int32 (M, 3); M = 0 is a point cloud.

    colors: uint8 (N, 3), RGB. normals: float32 (N, 3), unit length.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray
    normals: np.ndarray

"""A coloured triangle mesh or point cloud, as fusion makes it and writers take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32, Int32, UInt8


@dataclass(frozen=True, slots=True)
class Mesh:
    """vertices: float32 (N, 3), world frame. faces: int32 (M, 3); M = 0 is a point cloud.

    colors: uint8 (N, 3), RGB. normals: float32 (N, 3), unit length.
    """

    vertices: Float32[np.ndarray, "n 3"]
    faces: Int32[np.ndarray, "m 3"]
    colors: UInt8[np.ndarray, "n 3"]
    normals: Float32[np.ndarray, "n 3"]


@dataclass(frozen=True, slots=True)
class TexturedMesh:
    """vertices, faces and normals: as a Mesh's, vertices doubled where the texture has a seam.

    uv: float32 (N, 2), 0..1 across the texture, v downwards. texture: uint8 (H, W, 3), RGB.
    """

    vertices: Float32[np.ndarray, "n 3"]
    faces: Int32[np.ndarray, "m 3"]
    normals: Float32[np.ndarray, "n 3"]
    uv: Float32[np.ndarray, "n 2"]
    texture: UInt8[np.ndarray, "h w 3"]

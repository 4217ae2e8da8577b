"""Stored poses and points, whatever their convention, as everyone here has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse, orthonormalised, transform
from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

ROTATION_ERROR: Final = 0.02  # of R R^T from the identity: half floats have 0.001
EXACT: Final = 1e-12  # double precision's: what was saved exactly stays as it is
FLIP: Final = np.diag([1.0, -1.0, -1.0, 1.0])  # between OpenCV's and OpenGL's axes


def as_matrix(stored: Float[np.ndarray, "r 4"], what: str) -> Float64[np.ndarray, "4 4"]:
    """float64 (4, 4), a rigid transform whose rotation is exact, or NaN where it is not finite.

    what: whose pose it is. Raises InputError for another shape, and for what is no rotation.
    """
    if stored.shape not in ((3, 4), (4, 4)):
        raise InputError(f"{what} is {stored.shape}, expected (3, 4) or (4, 4)")
    T = np.eye(4)
    T[:3] = stored[:3]
    if not np.isfinite(T).all():
        return np.full((4, 4), np.nan)
    R = T[:3, :3]
    error, turn = float(np.abs(R @ R.T - np.eye(3)).max()), float(np.linalg.det(R))
    if error > ROTATION_ERROR or turn < 0:
        raise InputError(
            f"{what} is no pose: its rotation has determinant {turn:.3g} and is {error:.2g} from "
            "orthogonal, expected 1 and 0"
        )
    return T if error < EXACT else orthonormalised(T)


def camera_to_world(
    T: Float64[np.ndarray, "4 4"], conventions: Conventions
) -> Float64[np.ndarray, "4 4"]:
    """T_world_camera, OpenCV's axes, of a stored pose (4, 4)."""
    T = inverse(T) if conventions.pose == "w2c" else T
    return T @ FLIP if conventions.axes == "opengl" else T


def in_camera(
    points: Float[np.ndarray, "h w 3"],
    stored_in: str,
    T_world_camera: Float64[np.ndarray, "4 4"] | None,
    conventions: Conventions,
) -> Float[np.ndarray, "h w 3"]:
    """Points in the camera, OpenCV's axes. stored_in: "world" or "camera"."""
    if stored_in == "world":
        assert T_world_camera is not None
        return transform(inverse(T_world_camera), points.astype(np.float64))
    if conventions.axes == "opengl":
        return points * FLIP.diagonal()[:3].astype(points.dtype)
    return points

"""The pose of one camera from points that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.sim3 import adjoint_sim3
from mapper.frontends.mono.geometry.bundle_kernels import (
    NEAREST,
    point_derivatives,
    twist_derivatives,
)
from mapper.frontends.mono.geometry.lens import Lens, project
from mapper.frontends.mono.geometry.motion import in_camera, moved_pose
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float64

ITERATIONS: Final = 10
LEAST_INFORMATION: Final = 1e-6
RANSAC_PIXELS: Final = 3.0
RANSAC_ROUNDS: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class PlacedCamera:
    """T: T_camera_world (3, 4). errors: weighted, (N,), infinite behind the camera.

    information: (6, 6), of a twist from the left of T, if the errors are as the weights say.
    """

    T: Float64[np.ndarray, "3 4"]
    errors: Float64[np.ndarray, " n"]
    information: Float64[np.ndarray, "6 6"]


def place_camera(
    lens: Lens,
    T: Float64[np.ndarray, "3 4"],
    points: Float64[np.ndarray, "n 3"],
    pixels: Float64[np.ndarray, "n 2"],
    weights: Float64[np.ndarray, " n"],
    huber: float,
    iterations: int = ITERATIONS,
) -> PlacedCamera:
    """Gauss-Newton from T. weights: 1/sigma [1/px]. huber: sigmas."""
    return PlacedCamera(*_place(lens.vector, T, points, pixels, weights, huber, iterations))


def covariance_seen_from(
    T_reference_camera: Float64[np.ndarray, "4 4"], information: Float64[np.ndarray, "6 6"]
) -> Float64[np.ndarray, "6 6"]:
    """Of a placed camera's pose in another camera, as PoseUncertainty wants it."""
    adjoint = adjoint_sim3(T_reference_camera)[:6, :6]
    return adjoint @ np.linalg.inv(information + np.eye(6) * LEAST_INFORMATION) @ adjoint.T


def search_camera(
    lens: Lens, points: Float64[np.ndarray, "n 3"], pixels: Float64[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "3 4"] | None:
    """T_camera_world (3, 4) by EPnP in RANSAC, from nowhere; None where there is no such pose."""
    if len(points) < 6:
        return None
    rays = lens.rays(pixels)
    cv2.setRNGSeed(1)
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        points, rays, np.eye(3), None,
        reprojectionError=RANSAC_PIXELS / lens.fx, iterationsCount=RANSAC_ROUNDS,
        flags=cv2.SOLVEPNP_EPNP,
    )  # fmt: skip
    if not found or inliers is None or not np.isfinite(translation).all():
        return None
    return np.hstack([cv2.Rodrigues(rotation)[0], translation.reshape(3, 1)])


@kernel()
def _place(camera, T, points, pixels, weights, huber, iterations):
    T = T.copy()
    errors = np.empty(len(points))
    J, Jt = np.zeros((2, 3)), np.zeros((2, 6))
    H = np.zeros((6, 6))
    for iteration in range(iterations + 1):
        H, g = np.zeros((6, 6)), np.zeros(6)
        for i in range(len(points)):
            x, y, z = in_camera(T, points[i])
            if z <= NEAREST:
                errors[i] = np.inf
                continue
            u, v = project(camera, x, y, z)
            r0, r1 = u - pixels[i, 0], v - pixels[i, 1]
            errors[i] = weights[i] * np.hypot(r0, r1)
            w = weights[i] * weights[i]
            if errors[i] > huber:
                w *= huber / errors[i]
            point_derivatives(camera, x, y, z, J)
            twist_derivatives(J, x, y, z, Jt)
            for r in range(6):
                g[r] += w * (Jt[0, r] * r0 + Jt[1, r] * r1)
                for c in range(6):
                    H[r, c] += w * (Jt[0, r] * Jt[0, c] + Jt[1, r] * Jt[1, c])
        if iteration == iterations:
            break
        for r in range(6):
            H[r, r] += 1e-9 * H[r, r] + 1e-12
        step = np.linalg.solve(H, -g)
        T = moved_pose(step, T)
        if np.abs(step).max() < 1e-9:
            iterations = iteration + 1
    return T, errors, H

"""Rows that are read out one after the other while the camera moves: a rolling shutter.

A pixel in a row is seen when the camera has gone on for its share of the readout since the row in
the middle. Its drift is how fast it moves in the image, times that share: what it is beside the
place where the pose of the middle would have shown it, in pixels for a second of readout. With the
motion taken from the frames around, one number of the camera explains all its images.
Source: Hedborg, Forssen, Felsberg, Ringaby, "Rolling shutter bundle adjustment", CVPR 2012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.frontends.mono.geometry.bundle_kernels import NEAREST, point_derivatives
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import in_camera
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

STANDING: Final = np.zeros(6)
LONGEST: Final = 0.25  # seconds between frames, beyond which they do not tell how fast it moves


def velocity(
    T_before: Float64[np.ndarray, "3 4"], T: Float64[np.ndarray, "3 4"], seconds: float
) -> Float64[np.ndarray, " 6"]:
    """Twist a second from the left of T_camera_world, (6,), rotation first; 0 where the time says
    nothing. seconds: from one to the other, negative where T is the earlier one."""
    if not 0 < abs(seconds) <= LONGEST:
        return STANDING
    R = T[:, :3] @ T_before[:, :3].T
    turn = cv2.Rodrigues(R)[0].ravel()
    return np.concatenate([turn, T[:, 3] - R @ T_before[:, 3]]) / seconds


def straightened(
    lens: Lens,
    T: Float64[np.ndarray, "3 4"],
    speed: Float64[np.ndarray, " 6"],
    points: Float64[np.ndarray, "n 3"],
    pixels: Float64[np.ndarray, "n 2"],
) -> Float64[np.ndarray, "n 2"]:
    """Where the view T would have shown points (N, 3) of the world that it shows at pixels (N, 2),
    had all rows been read out at once. speed: its velocity."""
    if lens.readout == 0 or not speed.any():
        return pixels
    view = np.zeros(len(points), np.int64)
    known = np.ones(len(points), bool)
    return pixels - lens.readout * drifts(lens, T[None], speed[None], view, points, known, pixels)


def drifts(
    lens: Lens,
    poses: Float64[np.ndarray, "v 3 4"],
    velocities: Float64[np.ndarray, "v 6"],
    views: Int64[np.ndarray, " n"],
    points: Float64[np.ndarray, "n 3"],
    is_known: Bool[np.ndarray, " n"],
    pixels: Float64[np.ndarray, "n 2"],
) -> Float64[np.ndarray, "n 2"]:
    """Of pixels (N, 2), in the views (N,), of points (N, 3) of the world; px/s.

    is_known: (N,); where a point's place is not, it is taken for far away.
    """
    rays = lens.rays(pixels)
    return np.asarray(
        _drifts(lens.vector, lens.height, poses, velocities, views, points, is_known, pixels, rays)
    )


@kernel(inline="always")
def rolled(x, y, z, roll, share):
    """A point in the camera a share of the readout later. roll: (6,), twist of the readout."""
    return (
        x + share * (roll[1] * z - roll[2] * y + roll[3]),
        y + share * (roll[2] * x - roll[0] * z + roll[4]),
        z + share * (roll[0] * y - roll[1] * x + roll[5]),
    )


@kernel()
def _drifts(camera, height, poses, velocities, views, points, is_known, pixels, rays):
    found = np.zeros((len(views), 2))
    J = np.zeros((2, 3))
    for i in range(len(views)):
        w = velocities[views[i]]
        x, y, z = rays[i, 0], rays[i, 1], 1.0
        along = 0.0
        if is_known[i]:
            x, y, z = in_camera(poses[views[i]], points[i])
            along = 1.0
            if z <= NEAREST:
                continue
        share = pixels[i, 1] / (height - 1.0) - 0.5
        point_derivatives(camera, x, y, z, J)
        dx = w[1] * z - w[2] * y + along * w[3]
        dy = w[2] * x - w[0] * z + along * w[4]
        dz = w[0] * y - w[1] * x + along * w[5]
        for r in range(2):
            found[i, r] = share * (J[r, 0] * dx + J[r, 1] * dy + J[r, 2] * dz)
    return found

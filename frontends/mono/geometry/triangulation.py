"""Points from their rays in several views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.frontends.mono.geometry.bundle import Observations
from mapper.frontends.mono.geometry.bundle_kernels import NEAREST, inverse3, point_derivatives
from mapper.frontends.mono.geometry.lens import Lens, project, rays_of
from mapper.frontends.mono.geometry.motion import in_camera
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float64

STEPS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Triangulated:
    """points: (P, 3), world. worst: (P,), pixels of the largest error; infinite where a point lies
    behind one of its views. angles: (P,), radians, the largest between two of its rays."""

    points: Float64[np.ndarray, "p 3"]
    worst: Float64[np.ndarray, " p"]
    angles: Float64[np.ndarray, " p"]


def triangulate(
    lens: Lens, poses: Float64[np.ndarray, "v 3 4"], seen: Observations
) -> Triangulated:
    """Midpoints of the rays, then the least errors in the images. poses: T_camera_world."""
    pixels = seen.straight(lens)
    rays = rays_of(lens.vector, pixels)
    found = _triangulate(lens.vector, poses, rays, seen.starts, seen.views, pixels)
    return Triangulated(*found)


@kernel()
def _triangulate(camera, poses, rays, starts, views, pixels):
    count = len(starts) - 1
    points, worst, angles = np.zeros((count, 3)), np.zeros(count), np.zeros(count)
    for p in range(count):
        first, last = starts[p], starts[p + 1]
        directions = _directions(poses, rays, views, first, last)
        for i in range(last - first):
            for j in range(i):
                cross = np.cross(directions[i], directions[j])
                sine = np.sqrt(cross[0] ** 2 + cross[1] ** 2 + cross[2] ** 2)
                angles[p] = max(angles[p], np.arcsin(min(sine, 1.0)))
        points[p] = _midpoint(poses, directions, views, first, last)
        for _ in range(STEPS):
            _descend(camera, poses, points[p], views, pixels, first, last)
        worst[p] = _worst(camera, poses, points[p], views, pixels, first, last)
    return points, worst, angles


@kernel()
def _directions(poses, rays, views, first, last):
    """Unit rays in the world, (n, 3)."""
    directions = np.empty((last - first, 3))
    for i in range(first, last):
        T = poses[views[i]]
        length = np.sqrt(rays[i, 0] ** 2 + rays[i, 1] ** 2 + 1.0)
        for a in range(3):
            along = T[0, a] * rays[i, 0] + T[1, a] * rays[i, 1] + T[2, a]
            directions[i - first, a] = along / length
    return directions


@kernel()
def _midpoint(poses, directions, views, first, last):
    """The point that is nearest to all rays."""
    A, b = np.zeros((3, 3)), np.zeros(3)
    for i in range(first, last):
        T = poses[views[i]]
        d = directions[i - first]
        for r in range(3):
            for c in range(3):
                m = (1.0 if r == c else 0.0) - d[r] * d[c]
                centre = -(T[0, c] * T[0, 3] + T[1, c] * T[1, 3] + T[2, c] * T[2, 3])
                A[r, c] += m
                b[r] += m * centre
    inverse = np.zeros((3, 3))
    inverse3(A, inverse)
    return inverse @ b


@kernel()
def _descend(camera, poses, point, views, pixels, first, last):
    """A step of Gauss-Newton, in place."""
    A, b, J = np.zeros((3, 3)), np.zeros(3), np.zeros((2, 3))
    for i in range(first, last):
        T = poses[views[i]]
        x, y, z = in_camera(T, point)
        if z <= NEAREST:
            return
        u, v = project(camera, x, y, z)
        point_derivatives(camera, x, y, z, J)
        for r in range(2):
            error = u - pixels[i, 0] if r == 0 else v - pixels[i, 1]
            for a in range(3):
                ja = J[r, 0] * T[0, a] + J[r, 1] * T[1, a] + J[r, 2] * T[2, a]
                b[a] -= ja * error
                for c in range(3):
                    jc = J[r, 0] * T[0, c] + J[r, 1] * T[1, c] + J[r, 2] * T[2, c]
                    A[a, c] += ja * jc
    inverse = np.zeros((3, 3))
    inverse3(A, inverse)
    point += inverse @ b


@kernel()
def _worst(camera, poses, point, views, pixels, first, last):
    worst = 0.0
    for i in range(first, last):
        x, y, z = in_camera(poses[views[i]], point)
        if z <= NEAREST:
            return np.inf
        u, v = project(camera, x, y, z)
        worst = max(worst, np.hypot(u - pixels[i, 0], v - pixels[i, 1]))
    return worst

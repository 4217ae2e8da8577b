"""Normal equations of dense alignment: planes and light, pixel by pixel, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import (
    NEAREST,
    Camera,
    Motion,
    carried,
    f32,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

INTENSITY_SIGMA = 0.03  # of 0..1: larger differences are occlusion or exposure
# Of 0..1 a pixel: where the image changes less it is its noise, whose many small gradients would
# count as knowledge of where a blank wall is.
MIN_GRADIENT = 0.015
MIN_NORMAL_COSINE = 0.7  # surfaces that face further apart are not the same one
# Pixels of a row that are carried over at once, and pairs that are weighed at once: what they take
# stays in the processor's nearest cache.
STRIP = 64
PAIRS = 256
# Rows of what is kept of them: a point and its pixel; a point, the normal and so on of its pair.
X, Y, Z, U, V = range(5)
NX, NY, NZ, OFF, SIGMA, DARK, BRIGHT, SLOPE_U, SLOPE_V = range(3, 12)
PLANES, LIGHT = 12, 20  # where 8 rows of planes, and 10 of light, begin


class AlignmentView(NamedTuple):
    """depth: (h, w), 0 = none. normals: (h, w, 3). intensity: (h, w). All float32."""

    depth: Float32[np.ndarray, "h w"]
    normals: Float32[np.ndarray, "h w 3"]
    intensity: Float32[np.ndarray, "h w"]
    camera: Camera


class Limits(NamedTuple):
    """noise: (3,), see depth_sigma. least_sigma: that any reading is taken to have, metres.
    uses_light: or planes alone; the others: see AlignmentConfig. float32."""

    noise: Float32[np.ndarray, " 3"]
    max_distance: np.float32
    reach_sigmas: np.float32
    least_sigma: np.float32
    uses_light: np.bool_


class Scene(NamedTuple):
    """Two views, how one lies in the other, and how far apart their pairs may be.

    motion: of the source's points, their depths times `scale`, into the reference. The source's
    intensities times `gain`, and `offset` more, are the reference's. float32.
    """

    reference: AlignmentView
    source: AlignmentView
    motion: Motion
    scale: np.float32
    gain: np.float32
    offset: np.float32
    limits: Limits


@kernel(fastmath=True)
def accumulate(scene, dof):
    """Upper triangles of the products of the rows [J r] of all residuals: (dof + 1, dof + 1) of the
    planes, (dof + 3, dof + 3) of the light, whose J goes on with gain and offset. Of the planes'
    the first dof rows and columns are H, the last column is b. And sums over all source pixels:

    points, visible in the reference, inliers, squared point-to-plane residuals, inliers' depths.

    Only to look up what lies where a pixel lands is done one by one: carrying pixels over before it
    and the arithmetic of pairs after it run at the vector unit's full width.
    """
    height, width = scene.source.depth.shape
    of_planes, of_light = np.zeros((dof + 1, dof + 1)), np.zeros((dof + 3, dof + 3))
    sums = np.zeros(5)
    strip, pairs = np.empty((5, STRIP), np.float32), np.empty((30, PAIRS), np.float32)
    n = 0
    for row in range(height):
        for first in range(0, width, STRIP):
            columns = min(STRIP, width - first)
            if n + columns > PAIRS:
                _add(of_planes, of_light, sums, (pairs, n), scene, dof)
                n = 0
            _carry(strip, scene, row, first, columns)
            n = _pair(strip, pairs, n, sums, scene, (row, first, columns))
    _add(of_planes, of_light, sums, (pairs, n), scene, dof)
    return of_planes, of_light, sums


@kernel(fastmath=True)
def _add(of_planes, of_light, sums, found, scene, dof):
    """Add what the pairs tell that were found, and how many they are."""
    pairs, n = found
    _weigh(pairs, n, sums, scene, dof)
    _multiply(of_planes, pairs, PLANES, n)
    if scene.limits.uses_light:
        _multiply(of_light, pairs, LIGHT, n)


@kernel(fastmath=True, inline="always")
def _carry(strip, scene, row, first, columns):
    """Where a row's pixels are seen from the reference, and where they appear in its image; U < 0:
    nowhere."""
    source, camera = scene.source, scene.reference.camera
    for k in range(columns):
        z = source.depth[row, first + k]
        is_there = z > 0
        p = carried(source.camera, scene.motion, f32(first + k), f32(row), z * scene.scale)
        is_there &= p[2] > NEAREST
        inverse = f32(1) / (p[2] if is_there else f32(1))
        strip[X, k], strip[Y, k], strip[Z, k] = p
        strip[U, k] = camera.fx * p[0] * inverse + camera.cx if is_there else f32(-1)
        strip[V, k] = camera.fy * p[1] * inverse + camera.cy


@kernel(fastmath=True, inline="always")
def _pair(strip, pairs, n, sums, scene, where):
    """Add the pixels that have a counterpart, and what is to be compared with it, to the n pairs
    there are; returns how many there are then."""
    reference, source, limits = scene.reference, scene.source, scene.limits
    row, first, columns = where
    height, width = reference.depth.shape
    camera = reference.camera
    focal_u, focal_v = f32(1) / camera.fx, f32(1) / camera.fy
    points = visible = 0
    for k in range(columns):
        if source.depth[row, first + k] <= 0:
            continue
        points += 1
        u, v = strip[U, k], strip[V, k]
        if not (u >= 1 and v >= 1 and u <= width - 2 and v <= height - 2):
            continue
        i, j = int(v + f32(0.5)), int(u + f32(0.5))
        there = reference.depth[i, j]
        z = strip[Z, k]
        # Nor is it seen where no depth is known, or behind the reference's surface.
        if there <= 0 or z > there + 3 * limits.max_distance:
            continue
        visible += 1
        dx = strip[X, k] - (f32(j) - camera.cx) * focal_u * there
        dy = strip[Y, k] - (f32(i) - camera.cy) * focal_v * there
        dz = z - there
        sigma = depth_sigma(there, limits.noise)
        reach = max(
            limits.max_distance * max(f32(1), there * f32(0.5)), limits.reach_sigmas * sigma
        )
        if dx * dx + dy * dy + dz * dz > reach * reach:
            continue
        normal = reference.normals[i, j, 0], reference.normals[i, j, 1], reference.normals[i, j, 2]
        if _cosine(normal, source.normals[row, first + k], scene.motion.R) < f32(MIN_NORMAL_COSINE):
            continue
        pairs[X, n], pairs[Y, n], pairs[Z, n] = strip[X, k], strip[Y, k], z
        pairs[NX, n], pairs[NY, n], pairs[NZ, n] = normal
        pairs[OFF, n] = normal[0] * dx + normal[1] * dy + normal[2] * dz
        pairs[SIGMA, n] = max(sigma, limits.least_sigma)
        if limits.uses_light:
            pairs[DARK, n] = source.intensity[row, first + k]
            _look_up(pairs, n, reference.intensity, u, v)
        n += 1
    sums[0] += points
    sums[1] += visible
    return n


@kernel(fastmath=True, inline="always")
def _cosine(n, m, R):
    """Between a normal n of the reference and one m (3,) of the source."""
    return (
        n[0] * (R[0, 0] * m[0] + R[0, 1] * m[1] + R[0, 2] * m[2])
        + n[1] * (R[1, 0] * m[0] + R[1, 1] * m[1] + R[1, 2] * m[2])
        + n[2] * (R[2, 0] * m[0] + R[2, 1] * m[1] + R[2, 2] * m[2])
    )


@kernel(fastmath=True, inline="always")
def _look_up(pairs, n, intensity, u, v):
    """The reference's intensity where pair n appears in it, and its gradient there."""
    i, j = int(v), int(u)
    au, av = u - f32(j), v - f32(i)
    i00, i01 = intensity[i, j], intensity[i, j + 1]
    i10, i11 = intensity[i + 1, j], intensity[i + 1, j + 1]
    top = i00 + au * (i01 - i00)
    bottom = i10 + au * (i11 - i10)
    pairs[BRIGHT, n] = top + av * (bottom - top)
    pairs[SLOPE_U, n] = (i01 - i00) * (f32(1) - av) + (i11 - i10) * av
    pairs[SLOPE_V, n] = bottom - top


@kernel(fastmath=True, inline="always")
def _weigh(pairs, n, sums, scene, dof):
    """The weighted Jacobians and residuals of n pairs, and their sums."""
    camera = scene.reference.camera
    squared = depths = f32(0)
    for k in range(n):
        point = pairs[X, k], pairs[Y, k], pairs[Z, k]
        normal = pairs[NX, k], pairs[NY, k], pairs[NZ, k]
        off = pairs[OFF, k]
        squared += off * off
        depths += point[2]
        # Beyond 2 sigma less than linear.
        root_weight = f32(1) / max(pairs[SIGMA, k], f32(0.5) * abs(off))
        _put(pairs, PLANES, k, point, normal, root_weight)
        along = point[0] * normal[0] + point[1] * normal[1] + point[2] * normal[2]
        pairs[PLANES + 6, k] = root_weight * along  # by the log scale
        pairs[PLANES + dof, k] = root_weight * off
    sums[2] += n
    sums[3] += squared
    sums[4] += depths
    if not scene.limits.uses_light:
        return
    for k in range(n):
        point = pairs[X, k], pairs[Y, k], pairs[Z, k]
        dark, slope_u, slope_v = pairs[DARK, k], pairs[SLOPE_U, k], pairs[SLOPE_V, k]
        difference = pairs[BRIGHT, k] - (scene.gain * dark + scene.offset)
        inverse = f32(1) / point[2]
        gx, gy = slope_u * camera.fx * inverse, slope_v * camera.fy * inverse
        gradient = gx, gy, -(gx * point[0] + gy * point[1]) * inverse
        spread = f32(INTENSITY_SIGMA) * max(f32(INTENSITY_SIGMA), abs(difference))
        is_steep = slope_u * slope_u + slope_v * slope_v > f32(MIN_GRADIENT) ** 2
        root_weight = f32(1) / np.sqrt(spread) if is_steep else f32(0)
        _put(pairs, LIGHT, k, point, gradient, root_weight)
        pairs[LIGHT + 6, k] = f32(0)  # scaling about the reference camera moves no pixel
        pairs[LIGHT + dof, k] = -root_weight * dark
        pairs[LIGHT + dof + 1, k] = -root_weight
        pairs[LIGHT + dof + 2, k] = root_weight * difference


@kernel(fastmath=True, inline="always")
def _put(pairs, first, k, point, g, root_weight):
    """The Jacobian by the pose of residual k, whose derivative by its point is g."""
    x, y, z = point
    pairs[first, k] = root_weight * (y * g[2] - z * g[1])
    pairs[first + 1, k] = root_weight * (z * g[0] - x * g[2])
    pairs[first + 2, k] = root_weight * (x * g[1] - y * g[0])
    pairs[first + 3, k] = root_weight * g[0]
    pairs[first + 4, k] = root_weight * g[1]
    pairs[first + 5, k] = root_weight * g[2]


@kernel(fastmath=True, inline="always")
def _multiply(products, pairs, first, n):
    """Add what n residuals tell."""
    for i in range(products.shape[0]):
        for j in range(i, products.shape[0]):
            total = f32(0)
            for k in range(n):
                total += pairs[first + i, k] * pairs[first + j, k]
            products[i, j] += total

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
    backprojected,
    carried,
    f32,
    projected,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

INTENSITY_SIGMA = 0.03  # of 0..1: larger differences are occlusion or exposure
# Of 0..1 a pixel: where the image changes less it is its noise, whose many small gradients would
# count as knowledge of where a blank wall is.
MIN_GRADIENT = 0.015
MIN_NORMAL_COSINE = 0.7  # surfaces that face further apart are not the same one


class AlignmentView(NamedTuple):
    """depth: (h, w), 0 = none. normals: (h, w, 3). intensity: (h, w). All float32."""

    depth: Float32[np.ndarray, "h w"]
    normals: Float32[np.ndarray, "h w 3"]
    intensity: Float32[np.ndarray, "h w"]
    camera: Camera


class Limits(NamedTuple):
    """noise: (3,), see depth_sigma. uses_light: or planes alone; the others: see AlignmentConfig.
    float32."""

    noise: Float32[np.ndarray, " 3"]
    max_distance: np.float32
    reach_sigmas: np.float32
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

    Each image row first fills `rows` with weighted Jacobians and residuals, dof + 1 numbers
    a residual, whose products then run at the vector unit's full width.
    """
    height, width = scene.source.depth.shape
    of_planes, of_light = np.zeros((dof + 1, dof + 1)), np.zeros((dof + 3, dof + 3))
    sums = np.zeros(5)
    planes, light = np.empty((8, width), np.float32), np.empty((10, width), np.float32)
    for row in range(height):
        n = _fill(planes, light, sums, scene, row, dof)
        _multiply(of_planes, planes, n)
        if scene.limits.uses_light:
            _multiply(of_light, light, n)
    return of_planes, of_light, sums


@kernel(fastmath=True, inline="always")
def _multiply(products, rows, n):
    """Add what n residuals tell."""
    for i in range(products.shape[0]):
        for j in range(i, products.shape[0]):
            total = f32(0)
            for k in range(n):
                total += rows[i, k] * rows[j, k]
            products[i, j] += total


@kernel(fastmath=True, inline="always")
def _fill(planes, light, sums, scene, row, dof):
    """Weighted residuals of one row of the source; adds to the sums, returns how many they are."""
    reference, source, limits = scene.reference, scene.source, scene.limits
    points = visible = inliers = 0
    squared = depths = f32(0)
    for column in range(source.depth.shape[1]):
        if source.depth[row, column] <= 0:
            continue
        points += 1
        z = source.depth[row, column] * scene.scale
        X = carried(source.camera, scene.motion, f32(column), f32(row), z)
        if X[2] <= NEAREST:
            continue
        u, v = projected(reference.camera, X)
        if not _is_visible(reference, X, (u, v), limits):
            continue
        visible += 1
        normal, r, sigma = _plane(reference, X, (u, v), limits)
        if sigma <= 0 or _cosine(normal, source.normals[row, column], scene.motion.R) < f32(
            MIN_NORMAL_COSINE
        ):
            continue
        squared += r * r
        depths += X[2]
        root_weight = f32(1) / max(sigma, f32(0.5) * abs(r))  # beyond 2 sigma less than linear
        along = X[0] * normal[0] + X[1] * normal[1] + X[2] * normal[2]
        _put(planes, inliers, X, normal, (root_weight, along))
        planes[dof, inliers] = root_weight * r
        if limits.uses_light:
            dark = source.intensity[row, column]
            expected = scene.gain * dark + scene.offset
            gradient, steepness, difference = _light(reference, X, (u, v), expected)
            spread = f32(INTENSITY_SIGMA) * max(f32(INTENSITY_SIGMA), abs(difference))
            root_weight = f32(0)
            if steepness > f32(MIN_GRADIENT) ** 2:
                root_weight = f32(1) / np.sqrt(spread)
            # Scaling about the reference camera moves no pixel.
            _put(light, inliers, X, gradient, (root_weight, f32(0)))
            light[dof, inliers] = -root_weight * dark
            light[dof + 1, inliers] = -root_weight
            light[dof + 2, inliers] = root_weight * difference
        inliers += 1
    sums[0] += points
    sums[1] += visible
    sums[2] += inliers
    sums[3] += squared
    sums[4] += depths
    return inliers


@kernel(fastmath=True, inline="always")
def _is_visible(reference, X, pixel, limits):
    """Whether the reference sees that far there: not beside its image, nor where it knows no
    depth, nor behind its surface."""
    height, width = reference.depth.shape
    u, v = pixel
    if u < 1 or v < 1 or u > width - 2 or v > height - 2:
        return False
    z = reference.depth[int(v + f32(0.5)), int(u + f32(0.5))]
    return z > 0 and X[2] <= z + 3 * limits.max_distance


@kernel(fastmath=True, inline="always")
def _plane(reference, X, pixel, limits):
    """(the nearest pixel's normal, the distance of X to its plane, its sigma or 0: too far)."""
    u, v = int(pixel[0] + f32(0.5)), int(pixel[1] + f32(0.5))
    z = reference.depth[v, u]
    n = reference.normals[v, u, 0], reference.normals[v, u, 1], reference.normals[v, u, 2]
    x, y, _ = backprojected(reference.camera, f32(u), f32(v), z)
    dx, dy, dz = X[0] - x, X[1] - y, X[2] - z
    sigma = depth_sigma(z, limits.noise)
    reach = max(limits.max_distance * max(f32(1), z * f32(0.5)), limits.reach_sigmas * sigma)
    if dx * dx + dy * dy + dz * dz > reach * reach:
        sigma = f32(0)
    return n, n[0] * dx + n[1] * dy + n[2] * dz, sigma


@kernel(fastmath=True, inline="always")
def _cosine(n, m, R):
    """Between a normal n of the reference and one m (3,) of the source."""
    return (
        n[0] * (R[0, 0] * m[0] + R[0, 1] * m[1] + R[0, 2] * m[2])
        + n[1] * (R[1, 0] * m[0] + R[1, 1] * m[1] + R[1, 2] * m[2])
        + n[2] * (R[2, 0] * m[0] + R[2, 1] * m[1] + R[2, 2] * m[2])
    )


@kernel(fastmath=True, inline="always")
def _light(reference, X, pixel, intensity):
    """(derivative by X of the reference's intensity where X appears, its squared gradient in the
    image, the difference there)."""
    camera = reference.camera
    u, v = int(pixel[0]), int(pixel[1])
    au, av = pixel[0] - f32(u), pixel[1] - f32(v)
    i00, i01 = reference.intensity[v, u], reference.intensity[v, u + 1]
    i10, i11 = reference.intensity[v + 1, u], reference.intensity[v + 1, u + 1]
    top = i00 + au * (i01 - i00)
    bottom = i10 + au * (i11 - i10)
    difference = top + av * (bottom - top) - intensity
    gu = (i01 - i00) * (f32(1) - av) + (i11 - i10) * av
    gv = bottom - top
    inverse_z = f32(1) / X[2]
    gx, gy = gu * camera.fx * inverse_z, gv * camera.fy * inverse_z
    gz = -(gx * X[0] + gy * X[1]) * inverse_z
    return (gx, gy, gz), gu * gu + gv * gv, difference


@kernel(fastmath=True, inline="always")
def _put(rows, n, X, g, values):
    """The Jacobian of residual n, whose derivative by X is g. values: its root weight, and its
    derivative by the log scale; what follows the pose's columns is written over that."""
    root_weight, along = values
    x, y, z = X
    rows[0, n] = root_weight * (y * g[2] - z * g[1])
    rows[1, n] = root_weight * (z * g[0] - x * g[2])
    rows[2, n] = root_weight * (x * g[1] - y * g[0])
    rows[3, n] = root_weight * g[0]
    rows[4, n] = root_weight * g[1]
    rows[5, n] = root_weight * g[2]
    rows[6, n] = root_weight * along

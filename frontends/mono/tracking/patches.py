"""Points found again by the patch of the keyframe where they were first seen.

The patch is warped to the new view by the point's depth, its surface taken as parallel to the host
image, and aligned by the inverse compositional method, with gain and offset.
Source: Baker and Matthews, "Lucas-Kanade 20 years on", IJCV 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapper.frontends.mono.geometry.bundle_kernels import NEAREST, point_derivatives
from mapper.frontends.mono.geometry.lens import Lens, project, rays_of
from mapper.frontends.mono.geometry.motion import in_camera
from mapper.frontends.mono.geometry.rolling import STANDING, rolled
from mapper.frontends.mono.tracking.levels import Levels
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, UInt8

RADIUS = 4  # pixels: 9x9
SIDE = 2 * RADIUS + 1
MIN_ZNCC = 0.75
FAR = 6.0  # pixels from where the point was expected
FAR_FROM_HALF = 2.5  # ... and from where the half image has it
SMALLEST_WARP, LARGEST_WARP = 0.15, 6.0  # in area
STEPS = 10
CONVERGED = 0.01  # pixels
HIDDEN, MISSED, HALF, FULL = 0, 1, 2, 3  # what became of a point


@dataclass(frozen=True, slots=True, eq=False)
class Hosts:
    """Where N points were first seen. images, halves: uint8 (S, h, w), by slot. slots: (N,).

    poses: T_camera_world (N, 3, 4) of the hosts. pixels: (N, 2), there.
    """

    images: UInt8[np.ndarray, "s h w"]
    halves: UInt8[np.ndarray, "s h2 w2"]
    slots: Int64[np.ndarray, " n"]
    poses: Float64[np.ndarray, "n 3 4"]
    pixels: Float64[np.ndarray, "n 2"]


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """pixels: (N, 2) in the new image. found: int (N,): HIDDEN = out of view, MISSED = not found
    there, HALF = at half size only, FULL."""

    pixels: Float64[np.ndarray, "n 2"]
    found: Int64[np.ndarray, " n"]


def align_patches(
    lens: Lens,
    levels: Levels,
    T: Float64[np.ndarray, "3 4"],
    points: Float64[np.ndarray, "n 3"],
    hosts: Hosts,
    velocity: Float64[np.ndarray, " 6"] = STANDING,
) -> Aligned:
    """Points (N, 3) of the world in the view T (T_camera_world); HIDDEN where it is masked.

    velocity: of the camera, see rolling.py.
    """
    rays = rays_of(lens.vector, hosts.pixels)
    aligned = Aligned(
        *_align(
            lens.vector, levels.grey, levels.half, T, points, hosts.images, hosts.halves,
            hosts.slots, hosts.poses, hosts.pixels, rays, lens.readout * velocity,
        )
    )  # fmt: skip
    aligned.found[~levels.may_be_at(aligned.pixels)] = HIDDEN
    return aligned


@kernel()
def _align(camera, grey, half, T, points, images, halves, slots, poses, pixels, rays, roll):
    found = np.zeros(len(points), np.int64)
    where = np.zeros((len(points), 2))
    unwarp = np.zeros((2, 2))
    patch, gradients = np.zeros((SIDE, SIDE)), np.zeros((2, SIDE, SIDE))
    height, width = grey.shape
    for i in range(len(points)):
        x, y, z = in_camera(T, points[i])
        if z <= NEAREST:
            continue
        u, v = project(camera, x, y, z)
        x, y, z = rolled(x, y, z, roll, v / (height - 1.0) - 0.5)
        if z <= NEAREST:
            continue
        u, v = project(camera, x, y, z)
        if not (RADIUS <= u < width - RADIUS - 1 and RADIUS <= v < height - RADIUS - 1):
            continue
        if not _unwarp(camera, T, poses[i], points[i], rays[i], unwarp):
            continue
        where[i, 0], where[i, 1] = u, v
        slot = slots[i]
        hu, hv = (pixels[i, 0] - 0.5) / 2, (pixels[i, 1] - 0.5) / 2
        if not _template(halves[slot], hu, hv, unwarp, patch, gradients):
            continue
        found[i] = MISSED
        ok, a, b = _descend(half, (u - 0.5) / 2, (v - 0.5) / 2, patch, gradients)
        a, b = 2 * a + 0.5, 2 * b + 0.5
        if not ok or np.hypot(a - u, b - v) > FAR:
            continue
        found[i] = HALF
        where[i, 0], where[i, 1] = a, b
        if not _template(images[slot], pixels[i, 0], pixels[i, 1], unwarp, patch, gradients):
            continue
        ok, c, d = _descend(grey, a, b, patch, gradients)
        if ok and np.hypot(c - a, d - b) < FAR_FROM_HALF and np.hypot(c - u, d - v) < FAR:
            found[i] = FULL
            where[i, 0], where[i, 1] = c, d
    return where, found


@kernel()
def _unwarp(camera, T, T_host, point, ray, unwarp):
    """d(host pixel) / d(new pixel), (2, 2); False where the views differ too much."""
    J, Jh = np.zeros((2, 3)), np.zeros((2, 3))
    _, _, hz = in_camera(T_host, point)
    if hz <= NEAREST:
        return False
    x, y, z = in_camera(T, point)
    point_derivatives(camera, x, y, z, J)
    point_derivatives(camera, ray[0], ray[1], 1.0, Jh)
    # Of the new pixel by a shift in the host's image plane, at the point's depth.
    M = np.zeros((2, 2))
    for c in range(2):
        for r in range(2):
            for a in range(3):
                turned = 0.0  # R_new_host[a, c]
                for k in range(3):
                    turned += T[a, k] * T_host[c, k]
                M[r, c] += J[r, a] * turned * hz
    det_host = Jh[0, 0] * Jh[1, 1] - Jh[0, 1] * Jh[1, 0]
    det = M[0, 0] * M[1, 1] - M[0, 1] * M[1, 0]
    if det_host == 0.0 or not SMALLEST_WARP < det / det_host < LARGEST_WARP:
        return False
    # unwarp = Jh M^-1
    i00, i01, i10, i11 = M[1, 1] / det, -M[0, 1] / det, -M[1, 0] / det, M[0, 0] / det
    unwarp[0, 0] = Jh[0, 0] * i00 + Jh[0, 1] * i10
    unwarp[0, 1] = Jh[0, 0] * i01 + Jh[0, 1] * i11
    unwarp[1, 0] = Jh[1, 0] * i00 + Jh[1, 1] * i10
    unwarp[1, 1] = Jh[1, 0] * i01 + Jh[1, 1] * i11
    return True


@kernel(inline="always")
def _sampled(image, u, v):
    """Bilinear; the caller has made sure that (u, v) lies inside."""
    c, r = int(u), int(v)
    a, b = u - c, v - r
    top = image[r, c] * (1 - a) + image[r, c + 1] * a
    bottom = image[r + 1, c] * (1 - a) + image[r + 1, c + 1] * a
    return top * (1 - b) + bottom * b


@kernel()
def _template(image, u, v, unwarp, patch, gradients):
    """The warped patch without its mean, and its gradients without what gain and offset explain of
    them; False at the border."""
    height, width = image.shape
    reach = RADIUS + 1
    across = reach * (abs(unwarp[0, 0]) + abs(unwarp[0, 1]))
    along = reach * (abs(unwarp[1, 0]) + abs(unwarp[1, 1]))
    if not (across <= u < width - 1 - across and along <= v < height - 1 - along):
        return False
    wide = np.empty((SIDE + 2, SIDE + 2))
    for r in range(SIDE + 2):
        for c in range(SIDE + 2):
            dx, dy = c - reach, r - reach
            wide[r, c] = _sampled(
                image,
                u + unwarp[0, 0] * dx + unwarp[0, 1] * dy,
                v + unwarp[1, 0] * dx + unwarp[1, 1] * dy,
            )
    patch[:] = wide[1:-1, 1:-1]
    gradients[0] = (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2
    gradients[1] = (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2
    patch -= patch.mean()
    contrast = (patch * patch).sum()
    for k in range(2):
        gradients[k] -= gradients[k].mean()
        if contrast > 0.0:
            gradients[k] -= patch * ((gradients[k] * patch).sum() / contrast)
    return True


@kernel()
def _descend(image, u, v, patch, gradients):
    """(found, u, v): the translation that explains the patch best."""
    height, width = image.shape
    h00 = (gradients[0] * gradients[0]).sum()
    h01 = (gradients[0] * gradients[1]).sum()
    h11 = (gradients[1] * gradients[1]).sum()
    det = h00 * h11 - h01 * h01
    contrast = (patch * patch).sum()
    if det <= 1e-3 * h00 * h11 or contrast < SIDE * SIDE:
        return False, u, v
    seen = np.empty((SIDE, SIDE))
    zncc = 0.0
    for step in range(STEPS + 1):
        if not (RADIUS <= u < width - 1 - RADIUS and RADIUS <= v < height - 1 - RADIUS):
            return False, u, v
        for r in range(SIDE):
            for c in range(SIDE):
                seen[r, c] = _sampled(image, u + c - RADIUS, v + r - RADIUS)
        seen -= seen.mean()
        both = (patch * seen).sum()
        power = (seen * seen).sum()
        if power <= 0.0 or both <= 0.0:
            return False, u, v
        zncc = both / np.sqrt(contrast * power)
        if step == STEPS:
            break
        gain = both / contrast
        g0 = (gradients[0] * (seen - gain * patch)).sum() / gain
        g1 = (gradients[1] * (seen - gain * patch)).sum() / gain
        du, dv = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        u, v = u - du, v - dv
        if du * du + dv * dv < CONVERGED * CONVERGED:
            break
    return zncc > MIN_ZNCC, u, v

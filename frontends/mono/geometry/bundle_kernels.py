"""Bundle adjustment, compiled: residuals, normal equations, and the points taken out of them.

Observations are sorted by their points: those of point p are starts[p] up to starts[p + 1].
views: int64 (N,), into poses (V, 3, 4), T_camera_world. slots: int64 (V,), the pose's place among
the unknowns, or -1 where it stays. weights: (N,), 1/sigma [1/px]. drifts: (N, 2), px/s, see
rolling.py. Unknowns are 6 for each free pose, then, where the lens is refined, LENS of it: log f,
k1 and the readout in hundredths of a second.
"""

from __future__ import annotations

import numpy as np

from mapper.frontends.mono.geometry.lens import project
from mapper.frontends.mono.geometry.motion import in_camera, moved_pose
from mapper.runtime.kernels import kernel

NEAREST = 1e-6  # units: what is nearer has no pixel
LENS = 3  # unknowns of the lens
READOUT = 0.01  # seconds: the unit of the readout, in which it is as large as the others


@kernel(inline="always")
def off_by(camera, u, v, pixel, drift):
    """(u, v) beside a pixel (2,), had all rows been read out at once. drift: (2,)."""
    return u + camera[5] * drift[0] - pixel[0], v + camera[5] * drift[1] - pixel[1]


@kernel()
def residual_norms(camera, poses, points, starts, views, pixels, weights, drifts):
    """Weighted errors (N,); infinite behind a camera."""
    errors = np.empty(len(views))
    for p in range(len(points)):
        for i in range(starts[p], starts[p + 1]):
            x, y, z = in_camera(poses[views[i]], points[p])
            if z <= NEAREST:
                errors[i] = np.inf
                continue
            u, v = project(camera, x, y, z)
            r0, r1 = off_by(camera, u, v, pixels[i], drifts[i])
            errors[i] = weights[i] * np.hypot(r0, r1)
    return errors


@kernel()
def robust_cost(errors, huber):
    """Sum of Huber's function of weighted errors; behind a camera the error counts 100 times."""
    total = 0.0
    for e in errors:
        e = min(e, 100.0 * huber)
        total += 0.5 * e * e if e <= huber else huber * (e - 0.5 * huber)
    return total


@kernel(inline="always")
def point_derivatives(camera, x, y, z, J):
    """J (2, 3): of the pixel by the point in the camera."""
    a, b = x / z, y / z
    k1 = camera[4]
    r2 = a * a + b * b
    factor = 1.0 + k1 * r2
    du_da = camera[0] * (factor + 2.0 * k1 * a * a)
    du_db = camera[0] * 2.0 * k1 * a * b
    dv_da = camera[1] * 2.0 * k1 * a * b
    dv_db = camera[1] * (factor + 2.0 * k1 * b * b)
    J[0, 0] = du_da / z
    J[0, 1] = du_db / z
    J[0, 2] = -(du_da * a + du_db * b) / z
    J[1, 0] = dv_da / z
    J[1, 1] = dv_db / z
    J[1, 2] = -(dv_da * a + dv_db * b) / z


@kernel(inline="always")
def twist_derivatives(J, x, y, z, Jt):
    """Jt (2, 6): of the pixel by a twist from the left, of J (2, 3) by the point."""
    for r in range(2):
        Jt[r, 0] = J[r, 2] * y - J[r, 1] * z
        Jt[r, 1] = J[r, 0] * z - J[r, 2] * x
        Jt[r, 2] = J[r, 1] * x - J[r, 0] * y
        Jt[r, 3] = J[r, 0]
        Jt[r, 4] = J[r, 1]
        Jt[r, 5] = J[r, 2]


@kernel(inline="always")
def lens_derivatives(camera, x, y, z, drift, Jc):
    """Jc (2, LENS): of the pixel by log f, k1 and the readout. drift: (2,)."""
    a, b = x / z, y / z
    r2 = a * a + b * b
    factor = 1.0 + camera[4] * r2
    Jc[0, 0] = camera[0] * a * factor
    Jc[1, 0] = camera[1] * b * factor
    Jc[0, 1] = camera[0] * a * r2
    Jc[1, 1] = camera[1] * b * r2
    Jc[0, 2] = READOUT * drift[0]
    Jc[1, 2] = READOUT * drift[1]


@kernel()
def normal_equations(
    camera, poses, points, starts, views, pixels, weights, drifts, slots, huber, refine,
    H, g, V, gp, W, Wc,
):  # fmt: skip
    """Fill the lower half of H (n, n), g (n,), V (P, 3, 3), gp (P, 3), W (N, 6, 3) and
    Wc (P, LENS, 3).

    V and gp are of the points; W and Wc stand between poses or lens and points.
    """
    n = len(g)
    J, Jt, Jc = np.zeros((2, 3)), np.zeros((2, 6)), np.zeros((2, LENS))
    for p in range(len(points)):
        for i in range(starts[p], starts[p + 1]):
            T = poses[views[i]]
            x, y, z = in_camera(T, points[p])
            if z <= NEAREST:
                W[i] = 0.0
                continue
            u, v = project(camera, x, y, z)
            r0, r1 = off_by(camera, u, v, pixels[i], drifts[i])
            error = weights[i] * np.hypot(r0, r1)
            w = weights[i] * weights[i]
            if error > huber:
                w *= huber / error
            point_derivatives(camera, x, y, z, J)
            slot = slots[views[i]]
            if slot >= 0:
                twist_derivatives(J, x, y, z, Jt)
                k = 6 * slot
                for r in range(6):
                    g[k + r] += w * (Jt[0, r] * r0 + Jt[1, r] * r1)
                    for c in range(r + 1):
                        H[k + r, k + c] += w * (Jt[0, r] * Jt[0, c] + Jt[1, r] * Jt[1, c])
            if refine:
                lens_derivatives(camera, x, y, z, drifts[i], Jc)
                for r in range(LENS):
                    g[n - LENS + r] += w * (Jc[0, r] * r0 + Jc[1, r] * r1)
                    for c in range(r + 1):
                        H[n - LENS + r, n - LENS + c] += w * (
                            Jc[0, r] * Jc[0, c] + Jc[1, r] * Jc[1, c]
                        )
                    if slot >= 0:
                        for c in range(6):
                            H[n - LENS + r, 6 * slot + c] += w * (
                                Jc[0, r] * Jt[0, c] + Jc[1, r] * Jt[1, c]
                            )
            for a in range(3):  # by the point in the world: J R
                j0 = J[0, 0] * T[0, a] + J[0, 1] * T[1, a] + J[0, 2] * T[2, a]
                j1 = J[1, 0] * T[0, a] + J[1, 1] * T[1, a] + J[1, 2] * T[2, a]
                gp[p, a] += w * (j0 * r0 + j1 * r1)
                for c in range(3):
                    l0 = J[0, 0] * T[0, c] + J[0, 1] * T[1, c] + J[0, 2] * T[2, c]
                    l1 = J[1, 0] * T[0, c] + J[1, 1] * T[1, c] + J[1, 2] * T[2, c]
                    V[p, a, c] += w * (j0 * l0 + j1 * l1)
                for r in range(6):
                    W[i, r, a] = w * (Jt[0, r] * j0 + Jt[1, r] * j1) if slot >= 0 else 0.0
                if refine:
                    for r in range(LENS):
                        Wc[p, r, a] += w * (Jc[0, r] * j0 + Jc[1, r] * j1)


@kernel(inline="always")
def inverse3(A, out):
    """Of a symmetric, positive matrix (3, 3)."""
    a, b, c = A[0, 0], A[0, 1], A[0, 2]
    d, e, f = A[1, 1], A[1, 2], A[2, 2]
    m0, m1, m2 = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * m0 + b * m1 + c * m2
    s = 1.0 / determinant if determinant > 1e-300 else 0.0
    out[0, 0] = m0 * s
    out[0, 1] = out[1, 0] = m1 * s
    out[0, 2] = out[2, 0] = m2 * s
    out[1, 1] = (a * f - c * c) * s
    out[1, 2] = out[2, 1] = (b * c - a * e) * s
    out[2, 2] = (a * d - b * b) * s


@kernel()
def without_points(starts, views, slots, refine, damping, V, gp, W, Wc, S, b, inverses):
    """Take the points out of S (n, n), lower half, and b (n,); inverses (P, 3, 3) of damped V."""
    n = len(b)
    A, Y, Yc = np.zeros((3, 3)), np.zeros((6, 3)), np.zeros((LENS, 3))
    for p in range(len(V)):
        for r in range(3):
            for c in range(3):
                A[r, c] = V[p, r, c]
            A[r, r] += damping * V[p, r, r] + 1e-12
        inverse3(A, inverses[p])
        for i in range(starts[p], starts[p + 1]):
            si = slots[views[i]]
            if si < 0:
                continue
            for r in range(6):
                for c in range(3):
                    total = 0.0
                    for k in range(3):
                        total += W[i, r, k] * inverses[p, k, c]
                    Y[r, c] = total
                b[6 * si + r] -= Y[r, 0] * gp[p, 0] + Y[r, 1] * gp[p, 1] + Y[r, 2] * gp[p, 2]
            for j in range(starts[p], starts[p + 1]):
                sj = slots[views[j]]
                if sj < 0 or sj > si:
                    continue
                for r in range(6):
                    for c in range(6):
                        S[6 * si + r, 6 * sj + c] -= (
                            Y[r, 0] * W[j, c, 0] + Y[r, 1] * W[j, c, 1] + Y[r, 2] * W[j, c, 2]
                        )
            if refine:
                for r in range(LENS):
                    for c in range(6):
                        S[n - LENS + r, 6 * si + c] -= (
                            Wc[p, r, 0] * Y[c, 0] + Wc[p, r, 1] * Y[c, 1] + Wc[p, r, 2] * Y[c, 2]
                        )
        if refine:
            for r in range(LENS):
                for c in range(3):
                    total = 0.0
                    for k in range(3):
                        total += Wc[p, r, k] * inverses[p, k, c]
                    Yc[r, c] = total
                b[n - LENS + r] -= Yc[r, 0] * gp[p, 0] + Yc[r, 1] * gp[p, 1] + Yc[r, 2] * gp[p, 2]
                for c in range(LENS):
                    S[n - LENS + r, n - LENS + c] -= (
                        Yc[r, 0] * Wc[p, c, 0] + Yc[r, 1] * Wc[p, c, 1] + Yc[r, 2] * Wc[p, c, 2]
                    )


@kernel()
def stepped(step, poses, points, starts, views, slots, refine, gp, W, Wc, inverses):
    """Poses and points after a step (n,) of the other unknowns."""
    new_poses, new_points = poses.copy(), points.copy()
    n = len(step)
    for v in range(len(poses)):
        if slots[v] >= 0:
            new_poses[v] = moved_pose(step[6 * slots[v] : 6 * slots[v] + 6], poses[v])
    rest = np.zeros(3)
    for p in range(len(points)):
        for a in range(3):
            rest[a] = -gp[p, a]
            if refine:
                for r in range(LENS):
                    rest[a] -= Wc[p, r, a] * step[n - LENS + r]
        for i in range(starts[p], starts[p + 1]):
            s = slots[views[i]]
            if s >= 0:
                for a in range(3):
                    for r in range(6):
                        rest[a] -= W[i, r, a] * step[6 * s + r]
        for a in range(3):
            for c in range(3):
                new_points[p, a] += inverses[p, a, c] * rest[c]
    return new_poses, new_points

"""Dense alignment of two depth views: point-to-plane plus photometric Gauss-Newton."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mapper.depth_noise import depth_sigma
from mapper.depth_pyramid import LEVELS, DepthPyramid, Level
from mapper.errors import ConfigError
from mapper.geometry import exp_se3, orthonormalised

INTENSITY_SIGMA = 0.03  # of 0..1: larger differences are occlusion or exposure
MIN_NORMAL_COSINE = 0.7  # surfaces that face further apart are not the same one
CONVERGED_TWIST = 1e-5  # rad and m: smaller steps than this change nothing that matters


@dataclass(frozen=True, slots=True)
class AlignmentConfig:
    """iterations: Gauss-Newton steps from the finest level to the coarsest.

    max_distance: metres; pairs further apart are no pairs (finest level; doubles per level).
    photometric_weight: of the intensity residual against the geometric one; 0 = depth alone.
    """

    iterations: tuple[int, ...] = (4, 5, 6)
    max_distance: float = 0.07
    photometric_weight: float = 0.05
    finest_level: int = 0

    def __post_init__(self) -> None:
        if len(self.iterations) != LEVELS or self.finest_level >= LEVELS:
            raise ConfigError(f"alignment has {LEVELS} levels: iterations {self.iterations}")


@dataclass(frozen=True, slots=True)
class Alignment:
    """T_reference_source: (4, 4). inlier_ratio: inliers / source points that see the reference.

    overlap: source points that land in the reference's image / all source points.
    rmse: metres, point-to-plane over the inliers. information: (6, 6), rotation first, of a
    left-multiplied twist, in units of the depth noise's variance. converged: the last step was
    small.
    """

    T_reference_source: np.ndarray
    inlier_ratio: float
    overlap: float
    rmse: float
    information: np.ndarray
    converged: bool


def align(
    reference: DepthPyramid,
    source: DepthPyramid,
    T_reference_source: np.ndarray,
    config: AlignmentConfig,
) -> Alignment:
    """Refine T_reference_source, coarse to fine.

    Point-to-plane with projective data association (Newcombe et al., KinectFusion, 2011),
    residuals weighted by the depth noise (Nguyen et al., 3DIMPVT 2012), plus direct intensity
    residuals (Steinbruecker et al., ICCV-W 2011), both under Huber-like robust weights.
    """
    T = T_reference_source.copy()
    H = np.zeros((6, 6))
    step = np.zeros(6)
    sums = np.zeros(4)
    for index in reversed(range(config.finest_level, len(reference.levels))):
        for _ in range(config.iterations[index]):
            H, b, sums = _normal_equations(
                reference.levels[index],
                source.levels[index],
                T,
                config.max_distance * 2.0 ** (index - config.finest_level),
                config.photometric_weight,
            )
            if sums[2] < 30:
                return Alignment(T, 0.0, 0.0, np.inf, H, False)
            step = solve_damped(H, b)
            T = orthonormalised(exp_se3(step) @ T)
            if np.abs(step).max() < CONVERGED_TWIST * 4.0**index:
                break
    points, visible, inliers, squared = sums
    return Alignment(
        T,
        inliers / max(visible, 1.0),
        visible / max(points, 1.0),
        float(np.sqrt(squared / max(inliers, 1.0))),
        H,
        bool(np.abs(step).max() < 5e-3),
    )


def solve_damped(H: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve H x = -b; directions that the data does not constrain stay put (tiny damping)."""
    damping = 1e-6 * np.trace(H) / 6 + 1e-9
    return np.linalg.solve(H + damping * np.eye(6), -b)


def _normal_equations(
    reference: Level, source: Level, T: np.ndarray, max_distance: float, photometric_weight: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    upper, b, sums = accumulate(
        reference.depth,
        reference.normals,
        reference.intensity,
        reference.camera,
        source.depth,
        source.normals,
        source.intensity,
        source.camera,
        T[:3, :3].astype(np.float32),
        T[:3, 3].astype(np.float32),
        np.float32(max_distance),
        np.float32(photometric_weight),
    )
    H = upper + np.triu(upper, 1).T
    return H, b, sums


@njit(cache=True, nogil=True, fastmath=True)
def accumulate(
    depth_r, normals_r, intensity_r, camera_r,
    depth_s, normals_s, intensity_s, camera_s,
    R, t, max_distance, photometric_weight,
):  # fmt: skip
    """Upper triangle of H (6, 6), gradient b (6,), and sums over all source pixels:

    points, visible in the reference, inliers, squared point-to-plane residuals.

    Each image row first fills `rows` with weighted Jacobians and residuals, seven numbers a
    residual, whose products then run at the vector unit's full width.
    """
    f32 = np.float32
    fx_r, fy_r, cx_r, cy_r = f32(camera_r[0]), f32(camera_r[1]), f32(camera_r[2]), f32(camera_r[3])
    fx_s, fy_s, cx_s, cy_s = f32(camera_s[0]), f32(camera_s[1]), f32(camera_s[2]), f32(camera_s[3])
    height_r, width_r = depth_r.shape
    height_s, width_s = depth_s.shape
    products = np.zeros((7, 7))
    sums = np.zeros(4)
    rows = np.empty((7, 2 * width_s), np.float32)
    for row in range(height_s):
        n = 0
        points = visible = inliers = 0
        squared = f32(0)
        y_ray = (f32(row) - cy_s) / fy_s
        for column in range(width_s):
            z_s = depth_s[row, column]
            if z_s <= 0:
                continue
            points += 1
            x_s = (f32(column) - cx_s) / fx_s * z_s
            y_s = y_ray * z_s
            x = R[0, 0] * x_s + R[0, 1] * y_s + R[0, 2] * z_s + t[0]
            y = R[1, 0] * x_s + R[1, 1] * y_s + R[1, 2] * z_s + t[1]
            z = R[2, 0] * x_s + R[2, 1] * y_s + R[2, 2] * z_s + t[2]
            if z <= f32(0.05):
                continue
            inverse_z = f32(1) / z
            u = fx_r * x * inverse_z + cx_r
            v = fy_r * y * inverse_z + cy_r
            if u < 1 or v < 1 or u > width_r - 2 or v > height_r - 2:
                continue
            ui, vi = int(u + f32(0.5)), int(v + f32(0.5))
            z_r = depth_r[vi, ui]
            if z_r <= 0 or z > z_r + 3 * max_distance:
                continue  # unknown, or hidden behind the reference's surface
            visible += 1
            nx, ny, nz = normals_r[vi, ui, 0], normals_r[vi, ui, 1], normals_r[vi, ui, 2]
            dx = x - (f32(ui) - cx_r) / fx_r * z_r
            dy = y - (f32(vi) - cy_r) / fy_r * z_r
            dz = z - z_r
            reach = max_distance * max(f32(1), z_r * f32(0.5))
            if dx * dx + dy * dy + dz * dz > reach * reach:
                continue
            mx = normals_s[row, column, 0]
            my = normals_s[row, column, 1]
            mz = normals_s[row, column, 2]
            cosine = (
                nx * (R[0, 0] * mx + R[0, 1] * my + R[0, 2] * mz)
                + ny * (R[1, 0] * mx + R[1, 1] * my + R[1, 2] * mz)
                + nz * (R[2, 0] * mx + R[2, 1] * my + R[2, 2] * mz)
            )
            if cosine < f32(MIN_NORMAL_COSINE):
                continue
            inliers += 1
            r = nx * dx + ny * dy + nz * dz
            squared += r * r
            sigma = depth_sigma(z_r)
            root_weight = f32(1) / max(
                sigma, f32(0.5) * abs(r)
            )  # grows slower than linear beyond two sigma
            rows[0, n] = root_weight * (y * nz - z * ny)
            rows[1, n] = root_weight * (z * nx - x * nz)
            rows[2, n] = root_weight * (x * ny - y * nx)
            rows[3, n] = root_weight * nx
            rows[4, n] = root_weight * ny
            rows[5, n] = root_weight * nz
            rows[6, n] = root_weight * r
            n += 1
            if photometric_weight <= 0:
                continue
            uf, vf = int(u), int(v)
            au, av = u - f32(uf), v - f32(vf)
            i00, i01 = intensity_r[vf, uf], intensity_r[vf, uf + 1]
            i10, i11 = intensity_r[vf + 1, uf], intensity_r[vf + 1, uf + 1]
            top = i00 + au * (i01 - i00)
            bottom = i10 + au * (i11 - i10)
            difference = top + av * (bottom - top) - intensity_s[row, column]
            gu = (i01 - i00) * (f32(1) - av) + (i11 - i10) * av
            gv = bottom - top
            magnitude = abs(difference)
            gx, gy = gu * fx_r * inverse_z, gv * fy_r * inverse_z
            gz = -(gx * x + gy * y) * inverse_z
            root_weight = np.sqrt(
                photometric_weight / (f32(INTENSITY_SIGMA) * max(f32(INTENSITY_SIGMA), magnitude))
            )
            rows[0, n] = root_weight * (y * gz - z * gy)
            rows[1, n] = root_weight * (z * gx - x * gz)
            rows[2, n] = root_weight * (x * gy - y * gx)
            rows[3, n] = root_weight * gx
            rows[4, n] = root_weight * gy
            rows[5, n] = root_weight * gz
            rows[6, n] = root_weight * difference
            n += 1
        for i in range(7):
            for j in range(i, 7):
                total = f32(0)
                for k in range(n):
                    total += rows[i, k] * rows[j, k]
                products[i, j] += total
        sums[0] += points
        sums[1] += visible
        sums[2] += inliers
        sums[3] += squared
    return products[:6, :6].copy(), products[:6, 6].copy(), sums

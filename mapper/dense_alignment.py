"""Dense alignment of two depth views, rigid or up to scale: Gauss-Newton on planes and light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mapper.depth_noise import depth_sigma
from mapper.depth_pyramid import LEVELS, DepthPyramid, Level
from mapper.errors import ConfigError
from mapper.geometry import exp_se3
from mapper.sim3 import rigid_part, scale_of, similarity

INTENSITY_SIGMA = 0.03  # of 0..1: larger differences are occlusion or exposure
MIN_NORMAL_COSINE = 0.7  # surfaces that face further apart are not the same one
CONVERGED_TWIST = 1e-5  # rad and m: smaller steps than this change nothing that matters


@dataclass(frozen=True, slots=True)
class AlignmentConfig:
    """iterations: Gauss-Newton steps from the finest level to the coarsest.

    max_distance: metres; pairs further apart are no pairs (finest level; doubles per level).
    photometric_weight: of the intensity residual against the geometric one; 0 = depth alone.
    reach_sigmas: ... and in standard deviations of the depth, where those are larger.
    """

    iterations: tuple[int, ...] = (4, 5, 6)
    max_distance: float = 0.07
    photometric_weight: float = 0.05
    finest_level: int = 0
    reach_sigmas: float = 3.0

    def __post_init__(self) -> None:
        if len(self.iterations) != LEVELS or self.finest_level >= LEVELS:
            raise ConfigError(f"alignment has {LEVELS} levels: iterations {self.iterations}")


@dataclass(frozen=True, slots=True)
class Alignment:
    """S_reference_source: (4, 4). inlier_ratio: inliers / source points that see the reference.

    overlap: source points that land in the reference's image / all source points.
    rmse: metres, point-to-plane over the inliers. information: (7, 7), rotation, translation and
    log scale (0 where it was held) of a left-multiplied twist, in units of the depth noise's
    variance. converged: the last step was small. pixels: of the source, at the finest level.
    """

    S_reference_source: np.ndarray
    inlier_ratio: float
    overlap: float
    rmse: float
    information: np.ndarray
    converged: bool
    pixels: int


def align(
    reference: DepthPyramid,
    source: DepthPyramid,
    S_reference_source: np.ndarray,
    config: AlignmentConfig,
    with_scale: bool = False,
) -> Alignment:
    """Refine S_reference_source, coarse to fine; its scale only where asked to.

    Point-to-plane with projective data association (Newcombe et al., KinectFusion, 2011),
    residuals weighted by the depth noise, plus direct intensity residuals (Steinbruecker et al.,
    ICCV-W 2011), both under Huber-like robust weights.
    """
    T, scale = rigid_part(S_reference_source), float(scale_of(S_reference_source))
    information = np.zeros((7, 7))
    step = np.zeros(7)
    sums = np.zeros(4)
    dof = 7 if with_scale else 6
    pixels = source.levels[config.finest_level].depth.size
    for index in reversed(range(config.finest_level, len(reference.levels))):
        for _ in range(config.iterations[index]):
            H, b, sums = _normal_equations(
                (reference.levels[index], source.levels[index]), T, scale, dof, config, index
            )
            information[:dof, :dof] = H
            if sums[2] < 30:
                return Alignment(similarity(scale, T), 0.0, 0.0, np.inf, information, False, pixels)
            step[:dof] = solve_damped(H, b)
            T = rigid_part(exp_se3(step[:6]) @ T)
            # exp(log scale) about the reference camera moves the source's origin too.
            scale *= np.exp(step[6])
            T[:3, 3] *= np.exp(step[6])
            if np.abs(step).max() < CONVERGED_TWIST * 4.0**index:
                break
    points, visible, inliers, squared = sums
    return Alignment(
        similarity(scale, T),
        inliers / max(visible, 1.0),
        visible / max(points, 1.0),
        float(np.sqrt(squared / max(inliers, 1.0))),
        information,
        bool(np.abs(step).max() < 5e-3),
        pixels,
    )


def solve_damped(H: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve H x = -b; directions that the data does not constrain stay put (tiny damping)."""
    damping = 1e-6 * np.trace(H) / 6 + 1e-9
    return np.linalg.solve(H + damping * np.eye(len(H)), -b)


def _normal_equations(
    levels: tuple[Level, Level],
    T: np.ndarray,
    scale: float,
    dof: int,
    config: AlignmentConfig,
    index: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    reference, source = levels
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
        np.float32(scale),
        dof,
        reference.noise.coefficients,
        np.float32(config.max_distance * 2.0 ** (index - config.finest_level)),
        np.float32(config.reach_sigmas),
        np.float32(config.photometric_weight),
    )
    H = upper + np.triu(upper, 1).T
    return H, b, sums


@njit(cache=True, nogil=True, fastmath=True)
def accumulate(
    depth_r, normals_r, intensity_r, camera_r,
    depth_s, normals_s, intensity_s, camera_s,
    R, t, scale, dof, noise, max_distance, reach_sigmas, photometric_weight,
):  # fmt: skip
    """Upper triangle of H (dof, dof), gradient b (dof,), and sums over all source pixels:

    points, visible in the reference, inliers, squared point-to-plane residuals.

    Each image row first fills `rows` with weighted Jacobians and residuals, dof + 1 numbers
    a residual, whose products then run at the vector unit's full width.
    """
    f32 = np.float32
    fx_r, fy_r, cx_r, cy_r = f32(camera_r[0]), f32(camera_r[1]), f32(camera_r[2]), f32(camera_r[3])
    fx_s, fy_s, cx_s, cy_s = f32(camera_s[0]), f32(camera_s[1]), f32(camera_s[2]), f32(camera_s[3])
    height_r, width_r = depth_r.shape
    height_s, width_s = depth_s.shape
    products = np.zeros((8, 8))
    sums = np.zeros(4)
    rows = np.empty((8, 2 * width_s), np.float32)
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
            z_s *= scale
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
            sigma = depth_sigma(z_r, noise)
            reach = max(max_distance * max(f32(1), z_r * f32(0.5)), reach_sigmas * sigma)
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
            root_weight = f32(1) / max(
                sigma, f32(0.5) * abs(r)
            )  # grows slower than linear beyond two sigma
            rows[0, n] = root_weight * (y * nz - z * ny)
            rows[1, n] = root_weight * (z * nx - x * nz)
            rows[2, n] = root_weight * (x * ny - y * nx)
            rows[3, n] = root_weight * nx
            rows[4, n] = root_weight * ny
            rows[5, n] = root_weight * nz
            rows[6, n] = root_weight * (x * nx + y * ny + z * nz)
            rows[dof, n] = root_weight * r
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
            rows[6, n] = f32(0)  # scaling about the reference camera moves no pixel
            rows[dof, n] = root_weight * difference
            n += 1
        for i in range(dof + 1):
            for j in range(i, dof + 1):
                total = f32(0)
                for k in range(n):
                    total += rows[i, k] * rows[j, k]
                products[i, j] += total
        sums[0] += points
        sums[1] += visible
        sums[2] += inliers
        sums[3] += squared
    return products[:dof, :dof].copy(), products[:dof, dof].copy(), sums

"""The band around a surface is wide enough for its noise, and for the side that it is seen from."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.crumbs import without_crumbs
from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.fusion.tsdf_kernels import CELL, Band, half_widths
from mapper.core.depth_noise import STEREO, depth_confidence
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.vision.reprojection import camera_of

CAMERA = Intrinsics(130, 130, 79.5, 59.5, 160, 120)
COLUMNS, ROWS = np.meshgrid((np.arange(160) - 79.5) / 130, (np.arange(120) - 59.5) / 130)
VOXEL = TsdfConfig().voxel_size
# Three centimetres across the surface, and nothing else.
ZERO = np.float32(0)
ACROSS = Band(ZERO, ZERO, np.float32(0.03), np.float32(10), np.float32(20), STEREO.coefficients)
GREY = np.full((120, 160, 3), 128, np.uint8)


def floor(height: float) -> np.ndarray:
    """Depth of a floor so far below the camera, which looks ahead; float32 (H, W), to 4 m."""
    depth = height / np.maximum(ROWS, 1e-3)
    return np.where(depth <= 4, depth, 0).astype(np.float32)


def fused(depth: np.ndarray, config: TsdfConfig, count: int = 1) -> Mesh:
    volume = TsdfVolume(config)
    for _ in range(count):
        volume.integrate(depth, np.ones_like(depth), GREY, CAMERA, np.eye(4))
    return volume.extract_mesh()


def area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.0, 0.9, 0.4), (-0.7, 0.1, 0.6)])
def test_a_slanted_plane_gets_its_width_across(normal: tuple[float, float, float]) -> None:
    unit = np.array(normal) / np.linalg.norm(normal)
    rays = np.stack([COLUMNS, ROWS, np.ones_like(ROWS)], -1)
    facing = rays @ unit
    depth = np.where(facing > 0.05, 1.5 / np.maximum(facing, 0.05), 0).astype(np.float32)
    widths = half_widths(depth, camera_of(CAMERA), ACROSS)
    assert widths.shape == (30, 40)
    # Along the ray a step dz in depth is dz * (ray . normal) across the plane.
    middles = (slice(CELL // 2, None, CELL), slice(CELL // 2, None, CELL))
    inside = (slice(2, -2), slice(2, -2))
    known = (widths > 0)[inside] & (facing > 0.15)[middles][inside]
    assert known.mean() > 0.3
    across = (widths * facing[middles])[inside][known]
    np.testing.assert_allclose(across, 0.03, rtol=2e-3)


def test_a_step_and_a_hole_ask_for_no_width() -> None:
    depth = np.full((120, 160), 1.0, np.float32)
    depth[:, 80:] = 2.0
    depth[40:80, 20:60] = np.nan
    widths = half_widths(depth, camera_of(CAMERA), ACROSS)
    straight = 0.03 * np.sqrt(1.0)
    assert widths.max() == pytest.approx(straight, rel=1e-5)
    assert not widths[11:19, 6:14].any()


def test_a_floor_seen_from_the_side_is_whole() -> None:
    depth = floor(0.35)
    as_seen, across = (
        fused(depth, TsdfConfig(truncation_across=width, truncation_sigmas=0.0))
        for width in (0.0, TsdfConfig().truncation_across)
    )
    assert area(across) > 1.1 * area(as_seen)
    assert area(without_crumbs(across, 0.01)) > 0.99 * area(across)
    assert np.median(np.abs(across.vertices[:, 1] - 0.35)) < VOXEL / 3


def test_a_noisy_far_wall_is_no_sieve() -> None:
    """A stereo camera's noise at 4 m is 6 cm, as much as the narrowest band."""
    rng = np.random.default_rng(0)
    meshes = []
    for widest in (3.0, TsdfConfig().max_truncation_voxels):
        volume = TsdfVolume(TsdfConfig(max_truncation_voxels=widest, max_depth=5.0))
        for _ in range(12):
            noisy = 4 + STEREO.sigma(4.0) * rng.standard_normal((120, 160))
            depth = noisy.astype(np.float32)
            weight = depth_confidence(depth, STEREO.coefficients)
            volume.integrate(depth, weight, GREY, CAMERA, np.eye(4), 1, STEREO)
        meshes.append(volume.extract_mesh())
    wall = (159 / 130 * 4) * (119 / 130 * 4)
    sheet = [np.median(np.abs(mesh.vertices[:, 2] - 4)) for mesh in meshes]
    assert sheet[1] < STEREO.sigma(4.0) / 2
    assert area(without_crumbs(meshes[1], 0.1)) > 0.9 * wall
    assert area(meshes[1]) < 0.7 * area(meshes[0])

"""Half-size depth keeps surfaces apart; plane fits are exact on planes and quiet on noise."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.vision.depth_pyramid import NORMAL_RADIUS, build_pyramid, fit_planes, halve_depth

CAMERA = Intrinsics(100, 110, 39.5, 29.5, 80, 60)
VALUES = np.array([100.0, 110.0, 39.5, 29.5])
EDGE = np.float32(0.03)
INSIDE = (slice(NORMAL_RADIUS, -NORMAL_RADIUS),) * 2


def plane_depth(normal: np.ndarray, offset: float) -> np.ndarray:
    """float64 (60, 80): z where the rays meet normal . p = offset."""
    v, u = np.indices((60, 80))
    rays = np.stack([(u - 39.5) / 100, (v - 29.5) / 110, np.ones((60, 80))], -1)
    return offset / (rays @ normal)


def slanted() -> tuple[np.ndarray, np.ndarray]:
    normal = np.array([0.3, -0.2, 1.0])
    normal /= np.linalg.norm(normal)
    return normal, plane_depth(normal, 2.0)


def test_halving_averages_the_readings_of_one_surface() -> None:
    depth = np.array([[1.0, 1.01, 3, 3], [1.02, 1.01, 3, 3]], np.float32)
    np.testing.assert_allclose(halve_depth(depth, EDGE), [[1.01, 3.0]], rtol=1e-6)


def test_halving_does_not_mix_two_surfaces() -> None:
    depth = np.array([[1.0, 2.0], [2.0, 1.0]], np.float32)
    np.testing.assert_array_equal(halve_depth(depth, EDGE), [[1.0]])  # the nearer one wins


def test_halving_leaves_holes_out_of_the_mean() -> None:
    depth = np.array([[0, 2.0, 0, 0], [np.nan, 2.02, 0, np.nan]], np.float32)
    np.testing.assert_allclose(halve_depth(depth, EDGE), [[2.01, 0]], rtol=1e-6)


def test_halving_drops_the_last_row_and_column_of_an_odd_image() -> None:
    assert halve_depth(np.ones((5, 7), np.float32), EDGE).shape == (2, 3)


def test_planes_fit_a_slanted_plane_exactly() -> None:
    normal, depth = slanted()
    smoothed, normals = fit_planes(depth.astype(np.float32), VALUES, NORMAL_RADIUS)
    # 1e-4: inverse depth is affine on a plane, so only float32 rounding is left.
    np.testing.assert_allclose(smoothed[INSIDE], depth[INSIDE], atol=1e-4)
    np.testing.assert_allclose(normals[INSIDE], np.broadcast_to(-normal, (56, 76, 3)), atol=5e-4)
    np.testing.assert_allclose(normals[INSIDE].mean((0, 1)), -normal, atol=1e-4)


def test_normals_face_the_camera_and_have_unit_length() -> None:
    for tilt in (-0.8, 0.0, 0.8):
        depth = plane_depth(np.array([tilt, 0.1, 1.0]), 2.0).astype(np.float32)
        _, normals = fit_planes(depth, VALUES, NORMAL_RADIUS)
        v, u = np.indices((60, 80))
        rays = np.stack([(u - 39.5) / 100, (v - 29.5) / 110, np.ones((60, 80))], -1)
        assert ((normals * rays).sum(-1)[INSIDE] < 0).all()
        lengths = np.linalg.norm(normals[INSIDE], axis=-1)
        np.testing.assert_allclose(lengths, 1.0, atol=1e-5)


def test_plane_fits_take_out_noise() -> None:
    rng = np.random.default_rng(0)
    noisy = (2.0 + 0.005 * rng.standard_normal((60, 80))).astype(np.float32)
    smoothed, _ = fit_planes(noisy, VALUES, NORMAL_RADIUS)
    # In the middle of 5x5 readings a plane fit is their mean: the noise falls to a fifth.
    assert np.std(smoothed[INSIDE]) == pytest.approx(0.001, rel=0.15)
    assert np.mean(smoothed[INSIDE]) == pytest.approx(2.0, abs=2e-4)


def test_planes_are_not_fitted_across_an_edge_or_into_a_hole() -> None:
    depth = np.full((60, 80), 1.0, np.float32)
    depth[:, 40:] = 2.0
    depth[30, 20] = 0.0
    smoothed, normals = fit_planes(depth, VALUES, NORMAL_RADIUS)
    np.testing.assert_allclose(smoothed[10:20, 39], 1.0, atol=1e-5)
    np.testing.assert_allclose(smoothed[10:20, 40], 2.0, atol=1e-5)
    np.testing.assert_allclose(normals[10:20, 38:42, 2], -1.0, atol=1e-5)
    assert smoothed[30, 20] == 0 and not normals[30, 20].any()


def test_a_lone_reading_has_no_normal() -> None:
    depth = np.zeros((60, 80), np.float32)
    depth[30, 40] = 1.5
    smoothed, normals = fit_planes(depth, VALUES, NORMAL_RADIUS)
    assert not smoothed.any() and not normals.any()


def test_every_level_halves_the_size_and_describes_the_same_plane() -> None:
    normal, depth = slanted()
    grey = np.full((60, 80, 3), 51, np.uint8)
    pyramid = build_pyramid(depth.astype(np.float32), grey, CAMERA)
    shapes = [level.depth.shape for level in pyramid.levels]
    assert shapes == [(60, 80), (30, 40)]  # a small image: its own size, and no third level
    for level in pyramid.levels:
        assert level.depth.dtype == level.normals.dtype == level.intensity.dtype == np.float32
        np.testing.assert_allclose(level.intensity, 0.2, atol=1e-6)
        fx, fy, cx, cy = level.camera
        rows, columns = np.nonzero(level.depth)
        z = level.depth[rows, columns]
        points = np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], 1)
        # 3 mm: the mean of four depths is not exactly the depth in their middle.
        np.testing.assert_allclose(points @ normal, 2.0, atol=3e-3)


def test_nan_depth_is_a_hole_at_every_level() -> None:
    _, depth = slanted()
    holed = depth.astype(np.float32)
    holed[10:30, 10:30] = np.nan
    pyramid = build_pyramid(holed, np.zeros((60, 80, 3), np.uint8), CAMERA)
    for level in pyramid.levels:
        assert np.isfinite(level.depth).all() and np.isfinite(level.normals).all()
    assert not pyramid.levels[0].depth[12:28, 12:28].any()


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((640, 480), [(320, 240), (160, 120), (80, 60)]),
        ((320, 240), [(160, 120), (80, 60), (40, 30)]),
        ((160, 120), [(160, 120), (80, 60), (40, 30)]),
        ((128, 96), [(128, 96), (64, 48), (32, 24)]),
        ((96, 72), [(96, 72), (48, 36)]),
        ((2, 2), [(2, 2)]),
        ((1, 1), [(1, 1)]),
    ],
)
def test_levels_follow_the_size_of_the_image(
    size: tuple[int, int], levels: list[tuple[int, int]]
) -> None:
    width, height = size
    camera = Intrinsics(width, width, width / 2, height / 2, width, height)
    depth, image = np.ones((height, width), np.float32), np.zeros((height, width, 3), np.uint8)
    built = build_pyramid(depth, image, camera)
    assert [level.depth.shape[::-1] for level in built.levels] == levels
    assert len(built.coarser.levels) == max(1, len(levels) - 1)

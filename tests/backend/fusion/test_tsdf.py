"""The TSDF finds surfaces to a tenth of a voxel and gives back every view it took."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mapper.backend.fusion.tsdf import BYTES_PER_BLOCK, TsdfConfig, TsdfVolume
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.core.geometry import exp_se3, inverse, pose
from mapper.core.intrinsics import Intrinsics

CAMERA = Intrinsics(130, 130, 79.5, 59.5, 160, 120)
VOXEL = 0.02
TENTH = VOXEL / 10
RAYS = np.stack(
    [
        *np.meshgrid((np.arange(160) - 79.5) / 130, (np.arange(120) - 59.5) / 130),
        np.ones((120, 160)),
    ],
    -1,
)


def image(*color: int) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.uint8), (120, 160, 3)).copy()


GREY = image(128, 128, 128)


def plane(normal: tuple[float, float, float], offset: float) -> np.ndarray:
    """Depth of the plane normal . p = offset in the camera frame."""
    return (offset / (RAYS @ np.array(normal))).astype(np.float32)


def add(
    volume: TsdfVolume,
    depth: np.ndarray,
    T_world_camera: np.ndarray | None = None,
    sign: int = 1,
    weight: float = 1.0,
    colors: np.ndarray = GREY,
) -> None:
    weights = np.full(depth.shape, weight, np.float32)
    T = np.eye(4) if T_world_camera is None else T_world_camera
    volume.integrate(depth, weights, colors, CAMERA, T, sign)


def vertices_of(volume: TsdfVolume) -> np.ndarray:
    return volume.extract_mesh().vertices.astype(float)


def assert_same_surface(a: TsdfVolume, b: TsdfVolume) -> None:
    va, vb = vertices_of(a), vertices_of(b)
    assert len(va) == len(vb) > 1000
    # 1e-4 m: sums of float32 in another order.
    assert cKDTree(va).query(vb)[0].max() < 1e-4


WALL = plane((0, 0, 1), 1.013)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.2, -0.1, 1), (-0.4, 0.3, 1)])
def test_a_plane_is_found_to_a_tenth_of_a_voxel(normal: tuple[float, float, float]) -> None:
    volume = TsdfVolume()
    unit = np.array(normal) / np.linalg.norm(normal)
    add(volume, plane(tuple(unit), 1.013))
    vertices = vertices_of(volume)
    # The rim is seen by part of a voxel only.
    inside = (np.abs(vertices[:, :2] / vertices[:, 2:]) < [0.5, 0.35]).all(1)
    assert inside.sum() > 500
    distances = np.abs(vertices[inside] @ unit - 1.013)
    # A pixel is 8 mm wide: where the plane slants by half, its middle is up to 2 mm off.
    assert np.percentile(distances, 90) < TENTH and distances.max() < 2 * TENTH


def test_a_plane_stays_in_its_world_wherever_the_camera_stands() -> None:
    volume = TsdfVolume()
    T_world_camera = exp_se3(np.array([0.2, -0.1, 0.3, 0.1, 0.2, -0.1]))
    rays = RAYS @ T_world_camera[:3, :3].T
    add(volume, ((1.513 - T_world_camera[2, 3]) / rays[..., 2]).astype(np.float32), T_world_camera)
    # The plane z = 1.513 of the world. A pixel is 12 mm wide there and seen at up to 20 degrees.
    assert np.percentile(np.abs(vertices_of(volume)[:, 2] - 1.513), 90) < 2 * TENTH


def test_a_sphere_has_its_radius() -> None:
    volume, radius, away = TsdfVolume(), 0.4, 1.2
    for axis in range(3):
        for side in (-1.0, 1.0):
            forward = -side * np.eye(3)[axis]
            right = np.roll(forward, 1)
            R = np.stack([right, np.cross(forward, right), forward], 1)
            # |s ray - centre| = radius with the centre straight ahead.
            b, a = away * RAYS[..., 2], (RAYS**2).sum(-1)
            root = b**2 - a * (away**2 - radius**2)
            depth = np.where(root > 0, (b - np.sqrt(np.maximum(root, 0))) / a, 0)
            depth = mask_unreliable(depth.astype(np.float32), 0.05)
            add(volume, depth, pose(R, -away * forward))
    vertices = vertices_of(volume)
    radii = np.linalg.norm(vertices, axis=1)
    assert np.median(np.abs(radii - radius)) < TENTH
    # The distance is measured along z and not across the surface: off by more where it slants.
    assert np.percentile(np.abs(radii - radius), 95) < VOXEL / 2
    octants = {tuple(row) for row in np.sign(vertices).astype(int)}
    assert len(octants) >= 8


def test_views_that_are_taken_out_leave_nothing() -> None:
    volume = TsdfVolume(TsdfConfig(min_weight=1e-4))
    rng = np.random.default_rng(0)
    views = [
        (WALL + rng.normal(0, 0.01, WALL.shape).astype(np.float32), exp_se3(0.1 * rng.random(6)))
        for _ in range(5)
    ]
    for depth, T in views:
        add(volume, depth, T)
    assert len(vertices_of(volume)) > 1000
    for depth, T in views[::-1]:
        add(volume, depth, T, sign=-1)
    assert len(vertices_of(volume)) == 0


def test_taking_one_of_three_views_out_equals_never_having_had_it() -> None:
    T = [exp_se3(np.array([0, 0.03 * k, 0, 0.05 * k, 0, 0])) for k in range(3)]
    volume, expected = TsdfVolume(), TsdfVolume()
    for k in range(3):
        add(volume, WALL, T[k])
    add(volume, WALL, T[1], sign=-1)
    for k in (0, 2):
        add(expected, WALL, T[k])
    assert_same_surface(volume, expected)


def test_moving_a_view_equals_adding_it_at_the_new_pose() -> None:
    old, new = np.eye(4), exp_se3(np.array([0.05, 0.1, 0, 0.2, 0, 0.1]))
    volume, expected = TsdfVolume(), TsdfVolume()
    add(volume, WALL, old)
    add(volume, WALL, old, sign=-1)
    add(volume, WALL, new)
    add(expected, WALL, new)
    assert_same_surface(volume, expected)


def test_the_surface_lies_at_the_weighted_mean_of_two_views() -> None:
    volume = TsdfVolume()
    add(volume, plane((0, 0, 1), 1.00), weight=3.0)
    add(volume, plane((0, 0, 1), 1.02), weight=1.0)
    assert np.median(vertices_of(volume)[:, 2]) == pytest.approx(1.005, abs=TENTH / 2)


def test_colours_are_averaged_by_weight() -> None:
    volume = TsdfVolume()
    add(volume, WALL, weight=1.0, colors=image(200, 0, 40))
    add(volume, WALL, weight=3.0, colors=image(0, 100, 40))
    colors = volume.extract_mesh().colors.astype(int)
    assert np.abs(colors - [50, 75, 40]).max() <= 1  # rounding to whole levels


def test_surface_with_too_little_weight_is_left_out() -> None:
    volume = TsdfVolume(TsdfConfig(min_weight=0.5))
    add(volume, WALL, weight=0.3)
    assert len(vertices_of(volume)) == 0
    add(volume, WALL, weight=0.3)
    assert len(vertices_of(volume)) > 1000


@pytest.mark.parametrize("hole", [0.0, np.nan, -1.0, np.inf, 5.1])
def test_readings_that_are_none_add_nothing(hole: float) -> None:
    volume, expected = TsdfVolume(), TsdfVolume()
    holed, zeroed = WALL.copy(), WALL.copy()
    holed[40:80, 50:100] = hole
    zeroed[40:80, 50:100] = 0.0
    add(volume, holed)
    add(expected, zeroed)
    assert len(volume) == len(expected)
    assert_same_surface(volume, expected)
    assert np.isfinite(vertices_of(volume)).all()


def test_a_view_of_nothing_allocates_nothing() -> None:
    volume = TsdfVolume()
    for value in (0.0, np.nan, 6.0):
        add(volume, np.full((120, 160), value, np.float32))
    assert len(volume) == 0
    assert len(vertices_of(volume)) == 0


def test_growing_keeps_what_was_there() -> None:
    volume, expected = TsdfVolume(), TsdfVolume()
    add(volume, WALL)
    add(expected, WALL)
    for k in range(1, 8):  # seven walls far behind make the pools grow
        add(volume, plane((0, 0, 1), 4.0), exp_se3(np.array([0, 0, 0, 3.0 * k, 0, 50])))
    assert len(volume) > 2048
    vertices = vertices_of(volume)
    near = vertices[vertices[:, 2] < 2]
    assert len(near) == len(vertices_of(expected))
    assert cKDTree(near).query(vertices_of(expected))[0].max() < 1e-6


def test_a_full_map_keeps_what_it_has_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    blocks = 150
    volume = TsdfVolume(TsdfConfig(max_memory_mb=(blocks + 0.5) * BYTES_PER_BLOCK / 2**20))
    add(volume, WALL)
    first = vertices_of(volume)
    assert 0 < len(volume) < blocks
    with caplog.at_level(logging.WARNING):
        for k in range(3):
            add(volume, plane((0, 0, 1), 4.0), exp_se3(np.array([0, 0, 0, 5.0 * k, 0, 10])))
    assert len(volume) == blocks
    assert volume.memory_bytes == blocks * BYTES_PER_BLOCK
    assert sum("fills" in record.message for record in caplog.records) == 1
    vertices = vertices_of(volume)
    assert cKDTree(vertices).query(first)[0].max() < 1e-6
    add(volume, WALL, sign=-1)  # and a view still goes out again
    assert (vertices_of(volume)[:, 2] > 5).all()


def test_flying_pixels_between_two_surfaces_are_dropped() -> None:
    depth = np.full((20, 30), 1.0, np.float32)
    depth[:, 15:] = 2.0
    depth[:, 14] = 1.5
    masked = mask_unreliable(depth, 0.05)
    assert not masked[:, 13:16].any()
    np.testing.assert_array_equal(masked[1:-1, 1:13], 1.0)
    np.testing.assert_array_equal(masked[1:-1, 16:-1], 2.0)


def test_lonely_and_missing_readings_are_dropped_and_a_whole_wall_is_kept() -> None:
    depth = np.zeros((20, 30), np.float32)
    depth[10, 10:12] = 1.0
    assert not mask_unreliable(depth, 0.05).any()
    assert (mask_unreliable(np.ones((20, 30), np.float32), 0.05)[1:-1, 1:-1] == 1).all()
    holed = np.ones((20, 30), np.float32)
    holed[8:12, 8:12] = np.nan
    masked = mask_unreliable(holed, 0.05)
    assert np.isfinite(masked).all() and not masked[8:12, 8:12].any()
    assert (masked[1:7, 1:-1] == 1).all() and (masked[14:-1, 14:-1] == 1).all()


def test_the_inverse_of_a_view_is_where_the_camera_was() -> None:
    T = exp_se3(np.array([0.1, 0.2, 0.3, 1, 2, 3.0]))
    volume, moved = TsdfVolume(), TsdfVolume()
    add(volume, WALL)
    add(moved, WALL, T)
    back = vertices_of(moved) @ inverse(T)[:3, :3].T + inverse(T)[:3, 3]
    # Another grid cuts the same plane: no vertex is the same, all lie on it.
    assert np.percentile(np.abs(back[:, 2] - 1.013), 90) < TENTH
    assert np.median(np.abs(vertices_of(volume)[:, 2] - 1.013)) < TENTH


def test_a_pixel_is_centred_on_its_coordinates() -> None:
    """A patch of a wall, seen by pixels of 25 mm, lies where those pixels look, to a quarter."""
    coarse, pixel = Intrinsics(40, 40, 19.5, 14.5, 40, 30), 1 / 40
    depth = np.zeros((30, 40), np.float32)
    depth[8:22, 10:30] = 1.0  # as many on both sides of the middle
    colors = np.zeros((30, 40, 3), np.uint8)
    volume = TsdfVolume(TsdfConfig(voxel_size=0.005))
    volume.integrate(depth, np.ones_like(depth), colors, coarse, np.eye(4))
    vertices = vertices_of(volume)[:, :2]
    low, high = vertices.min(0), vertices.max(0)
    np.testing.assert_allclose((low + high) / 2, 0, atol=pixel / 4)
    np.testing.assert_allclose((high - low) / 2, [10 * pixel, 7 * pixel], atol=pixel / 2)

"""Patches are found where their warp, gain and offset put them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.tracking.corners import LEAST, new_corners, strength
from mapper.frontends.mono.tracking.flow import FlowTracker
from mapper.frontends.mono.tracking.levels import Levels, worked_size
from mapper.frontends.mono.tracking.patches import FULL, HIDDEN, MISSED, Hosts, align_patches
from tests.support.sparse_scene import pixels_of

LENS = Lens(300.0, 300.0, 159.5, 119.5, 0.0, 320, 240)
DEPTH = 2.0


def wall() -> np.ndarray:
    """A smooth texture, uint8 (240, 320)."""
    rng = np.random.default_rng(5)
    noise = cv2.GaussianBlur(rng.standard_normal((240, 320)), (0, 0), 2.5)
    return np.clip(110 + 22 * noise / noise.std(), 0, 255).astype(np.uint8)


def seen_from(T: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The wall at DEPTH, that fills the first view, as T_camera_world sees it."""
    K = LENS.pinhole.matrix
    plane = np.column_stack([T[:, 0], T[:, 1], T[:, 2] + T[:, 3] / DEPTH])
    H = K @ plane @ np.linalg.inv(K)
    return cv2.warpPerspective(image, H, (320, 240), flags=cv2.INTER_CUBIC)


def hosts_of(levels: Levels, pixels: np.ndarray) -> Hosts:
    count = len(pixels)
    poses = np.tile(np.eye(3, 4), (count, 1, 1))
    slots = np.zeros(count, np.int64)
    return Hosts(levels.grey[None], levels.half[None], slots, poses, pixels)


def test_patches_are_found_through_warp_gain_and_offset() -> None:
    first = Levels.of_grey(wall())
    pixels = new_corners(first.grey, np.zeros((0, 2), np.float32), 100).astype(float)
    points = np.column_stack([LENS.rays(pixels) * DEPTH, np.full(len(pixels), DEPTH)])
    T = moved_pose(np.array([0.02, -0.03, 0.25, 0.1, -0.05, -0.2]), np.eye(3, 4))
    image = np.clip(1.5 * (seen_from(T, wall()).astype(float) - 60) + 20, 0, 255)
    second = Levels.of_grey(image.astype(np.uint8))
    expected = moved_pose(np.array([0.003, 0.002, 0.0, 0.0, 0.0, 0.0]), T)
    found = align_patches(LENS, second, expected, points, hosts_of(first, pixels))
    full = found.found == FULL
    assert full.sum() > 0.6 * (found.found != HIDDEN).sum()
    errors = np.linalg.norm(found.pixels - pixels_of(LENS, T, points), axis=1)[full]
    assert np.median(errors) < 0.04  # grey levels are whole numbers


def test_patches_are_not_found_in_another_texture() -> None:
    first = Levels.of_grey(wall())
    pixels = new_corners(first.grey, np.zeros((0, 2), np.float32), 100).astype(float)
    points = np.column_stack([LENS.rays(pixels) * DEPTH, np.full(len(pixels), DEPTH)])
    other = Levels.of_grey(wall()[::-1, ::-1].copy())
    found = align_patches(LENS, other, np.eye(3, 4), points, hosts_of(first, pixels))
    assert (found.found == MISSED).mean() > 0.85


def test_flow_is_followed_over_many_pixels() -> None:
    image = wall()
    a = Levels.of_grey(image[:, :280].copy())
    b = Levels.of_grey(image[:, 13:293].copy())
    pixels = new_corners(a.grey, np.zeros((0, 2), np.float32), 200)
    pixels = pixels[pixels[:, 0] > 40]
    followed = FlowTracker().follow(a, b, pixels)
    assert followed.found.mean() > 0.9
    moved = (followed.pixels - pixels)[followed.found]
    assert np.median(np.linalg.norm(moved - [-13, 0], axis=1)) < 0.05
    assert len(FlowTracker().follow(a, b, pixels[:0]).pixels) == 0


def test_corners_keep_away_from_others_and_from_nothing() -> None:
    grey = Levels.of_grey(wall()).grey
    first = new_corners(grey, np.zeros((0, 2), np.float32), 1000)
    assert len(first) > 200
    more = new_corners(grey, first[:50], 1000)
    apart = np.linalg.norm(more[:, None] - first[None, :50], axis=-1)
    assert apart.min() > 4
    flat = np.full((240, 320), 90, np.uint8)
    assert len(new_corners(flat, np.zeros((0, 2), np.float32), 1000)) == 0
    assert len(new_corners(grey, np.zeros((0, 2), np.float32), 20)) == 20


def test_the_strength_of_a_corner_is_in_grey_levels() -> None:
    slopes = np.add.outer(np.abs(np.arange(40) - 20), np.abs(np.arange(40) - 20)) * 3
    assert strength(slopes.astype(np.uint8))[20, 20] == pytest.approx(9, rel=0.5)
    rng = np.random.default_rng(0)
    noisy = np.clip(100 + 2 * rng.standard_normal((100, 100)), 0, 255).astype(np.uint8)
    assert strength(cv2.GaussianBlur(noisy, (0, 0), 0.8)).max() < LEAST


def test_large_images_are_worked_on_smaller() -> None:
    assert worked_size(640, 480) == (640, 480)
    width, height = worked_size(3840, 2160)
    assert 280_000 < width * height < 330_000
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert worked_size(320, 240) == (320, 240)

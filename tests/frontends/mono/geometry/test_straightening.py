"""A picture taken row by row by a camera that moves, and the same taken at once."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.geometry.straightening import Motion, straight_image, straight_mask

LENS = Lens(260.0, 260.0, 159.5, 119.5, -0.05, 320, 240, 0.03)
DEPTH = 2.0
SPEED = np.array([0.4, -0.9, 0.3, 0.5, -0.2, 0.1])  # rad/s, units/s
SIZE = (LENS.width, LENS.height)


def texture(points: np.ndarray) -> np.ndarray:
    """Grey of a wall's points (..., 2), smooth."""
    x, y = 6 * points[..., 0], 6 * points[..., 1]
    return np.asarray(128 + 50 * np.sin(x + 1.3 * np.cos(y)) + 50 * np.cos(1.7 * y - 0.4 * x))


def wall_seen(lens: Lens, shares: np.ndarray) -> np.ndarray:
    """A wall at DEPTH, uint8 (h, w); shares: (h,), of the readout, at which the rows are seen."""
    u = np.tile(np.arange(lens.width), (lens.height, 1))
    v = np.repeat(np.arange(lens.height)[:, None], lens.width, 1)
    pixels = np.stack([u, v], -1).reshape(-1, 2)
    rays = np.c_[lens.rays(pixels), np.ones(len(pixels))].reshape(lens.height, lens.width, 3)
    grey = np.zeros((lens.height, lens.width))
    for row, share in enumerate(shares.tolist()):
        T = moved_pose(share * lens.readout * SPEED, np.eye(3, 4))
        ray, centre = rays[row] @ T[:, :3], -T[:, :3].T @ T[:, 3]
        grey[row] = texture((centre + ray * ((DEPTH - centre[2]) / ray[:, 2:]))[:, :2])
    return np.rint(grey).astype(np.uint8)


def rolled() -> np.ndarray:
    return wall_seen(LENS, np.arange(LENS.height) / (LENS.height - 1) - 0.5)


def off(a: np.ndarray, b: np.ndarray) -> float:
    """Grey levels, in the mean, away from the border."""
    inner = (slice(20, -20), slice(20, -20))
    return float(np.abs(a[inner].astype(float) - b[inner].astype(float)).mean())


def test_rows_are_put_where_one_moment_shows_them() -> None:
    at_once = wall_seen(replace(LENS, k1=0.0), np.zeros(LENS.height))
    plain = LENS.undistorted(rolled(), *SIZE)
    straight = straight_image(LENS, rolled(), SIZE, Motion(SPEED, DEPTH))
    assert off(straight, at_once) < 1.0 and off(plain, at_once) > 5 * off(straight, at_once)


def test_reduced_image_is_straight_too() -> None:
    at_once = cv2.resize(wall_seen(replace(LENS, k1=0.0), np.zeros(LENS.height)), (160, 120))
    straight = straight_image(LENS, rolled(), (160, 120), Motion(SPEED, DEPTH))
    assert straight.shape == (120, 160) and off(straight, at_once) < 1.5


@pytest.mark.parametrize(
    ("lens", "speed"), [(replace(LENS, readout=0.0), SPEED), (LENS, np.zeros(6))]
)
def test_without_a_shutter_or_motion_it_is_undistorted_alone(lens: Lens, speed: np.ndarray) -> None:
    image = rolled()
    straight = straight_image(lens, image, SIZE, Motion(speed, DEPTH))
    assert np.array_equal(straight, lens.undistorted(image, *SIZE))


def test_mask_moves_with_the_image() -> None:
    mask = np.ones((LENS.height, LENS.width), bool)
    mask[:, :40] = False
    straight = straight_mask(LENS, mask, SIZE, Motion(SPEED, DEPTH))
    used = straight[20:-20].argmax(1)  # the first used column of each row
    assert straight[:, 100:-20].all() and used[0] != used[-1]
    assert np.abs(used - 40).max() < 12

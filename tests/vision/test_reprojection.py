"""One pixel found again in another view: as NumPy computes it, and only where the image is."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import exp_se3, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.sim3 import similarity
from mapper.vision.reprojection import (
    AGREEING,
    camera_of,
    carried,
    is_inside,
    motion_of,
    nearest_pixel,
    projected,
    within,
)

CAMERA = Intrinsics(50.0, 52.0, 15.2, 11.7, 32, 24)
S_B_A = similarity(1.3, exp_se3(np.array([0.1, -0.2, 0.3, 0.1, 0.2, -0.3])))


@njit
def reproject(camera, motion, column, row, z):
    X = carried(camera, motion, column, row, z)
    return X, projected(camera, X), nearest_pixel(camera, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pixel_is_carried_as_its_point_is(dtype: type) -> None:
    motion, camera = motion_of(S_B_A, dtype), camera_of(CAMERA, dtype)
    for column, row, z in ((0, 0, 1.0), (31, 23, 2.5), (7, 20, 0.8)):
        X, place, pixel = reproject(camera, motion, dtype(column), dtype(row), dtype(z))
        ray = np.array([(column - CAMERA.cx) / CAMERA.fx, (row - CAMERA.cy) / CAMERA.fy, 1])
        expected = transform(S_B_A, ray * z)
        digits = 1e-5 if dtype is np.float32 else 1e-12
        np.testing.assert_allclose(X, expected, rtol=digits, atol=digits)
        there = CAMERA.matrix @ expected / expected[2]
        np.testing.assert_allclose(place, there[:2], rtol=digits * 10)
        assert pixel == tuple(np.floor(there[:2] + 0.5))


def test_pixels_end_half_a_pixel_beyond_their_centres() -> None:
    still, camera = motion_of(np.eye(4)), camera_of((1.0, 1.0, 0.0, 0.0))
    image = np.zeros((24, 32), np.float32)
    for place, inside in ((-0.6, False), (-0.4, True), (23.4, True), (23.6, False)):
        _, _, (u, v) = reproject(camera, still, np.float32(place), np.float32(place), np.float32(1))
        assert is_inside(image, u, v) == inside


def test_the_tolerance_grows_with_noise_and_depth() -> None:
    noise = np.array([0.001, 0.01, 0.0], np.float32)
    assert within(AGREEING, np.float32(2), noise) == pytest.approx(4 * 0.021 + 0.015 * 2)


def test_points_beside_the_image_are_not_averaged_into_its_border() -> None:
    """They were once: a cast to int rounds what is left of the first pixel into it."""
    camera = Intrinsics(10.0, 10.0, 0.0, 0.0, 8, 6)
    keyframe_map = KeyframeMap(
        np.zeros((6, 8), np.float32), np.zeros((6, 8), np.float32),
        np.zeros((6, 8, 3), np.uint8), camera,
    )  # fmt: skip
    pointmap = np.array([[[-0.1, 0.1, 1.0], [0.1, 0.1, 1.0]]], np.float32)  # columns -1 and 1
    prediction = Prediction(
        0, 0.0, pointmap, np.ones((1, 2), np.float32), np.eye(4), camera,
        np.zeros((1, 2, 3), np.uint8), True,
    )  # fmt: skip
    keyframe_map.fuse(prediction, np.eye(4))
    assert np.argwhere(keyframe_map.depth > 0).tolist() == [[1, 1]]

"""What a view looked through is free, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.fusion.free_space import FreeSpace
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.intrinsics import Intrinsics

CAMERA = Intrinsics(80.0, 80.0, 39.5, 29.5, 80, 60)
SIZE = 0.1
SHAPE = (9, 9, 40)  # z, y, x: a bar of 4 m ahead of the camera


def carved(depth: np.ndarray, **more: float) -> np.ndarray:
    """Counts (Z, Y, X) along x, which is the camera's z; the bar's middle is its axis."""
    space = FreeSpace(SHAPE, np.array([0.05, -0.4, -0.4]), SIZE)
    T_camera_grid = np.eye(4)
    T_camera_grid[:3, :3] = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    space.add(depth.astype(np.float32), CAMERA, T_camera_grid, STRUCTURED_LIGHT, **more)
    return space.passed


def test_space_is_free_up_to_a_wall_and_unknown_behind_it() -> None:
    middle = carved(np.full((60, 80), 2.0))[4, 4]
    centres = 0.05 + SIZE * np.arange(40)
    expected = (centres > 0.1) & (centres < 2.0 - STRUCTURED_LIGHT.sigma(2.0))
    assert np.array_equal(middle > 0, expected)


def test_what_is_beside_the_image_stays_unknown() -> None:
    passed = carved(np.full((60, 80), 2.0))
    assert not passed[:, 0, 3].any() and passed[:, 0, 15].any()  # the view opens with distance


def test_a_view_without_readings_frees_nothing() -> None:
    assert not carved(np.zeros((60, 80))).any()


def test_few_holes_do_not_hide_what_the_others_see() -> None:
    rng = np.random.default_rng(0)
    depth = np.where(rng.random((60, 80)) < 0.2, 0.0, 2.0)
    assert (carved(depth)[4, 4, 5:19] > 0).all()


def test_a_thin_pole_is_not_looked_through() -> None:
    depth = np.full((60, 80), 3.0)
    depth[:, 39:41] = 1.0  # 2.5 cm wide
    middle = carved(depth)[4, 4]
    assert (middle[2:9] > 0).all() and not middle[10:29].any()


def test_a_surface_beyond_the_trusted_depth_frees_space_up_to_it() -> None:
    middle = carved(np.full((60, 80), 3.5), max_depth=2.0)[4, 4]
    assert middle[18] and not middle[20:].any()


def test_views_are_counted() -> None:
    space = FreeSpace((1, 1, 1), np.array([0.0, 0.0, 1.0]), SIZE)
    for _ in range(3):
        space.add(np.full((60, 80), 2, np.float32), CAMERA, np.eye(4), STRUCTURED_LIGHT)
    assert space.passed.item() == 3


@pytest.mark.parametrize("shape", [(61, 79), (60, 80), (1, 7)])
def test_images_of_any_size_are_carved(shape: tuple[int, int]) -> None:
    space = FreeSpace((1, 1, 1), np.array([0.0, 0.0, 1.0]), 0.01)
    camera = Intrinsics(50.0, 50.0, (shape[1] - 1) / 2, (shape[0] - 1) / 2, shape[1], shape[0])
    space.add(np.full(shape, 2, np.float32), camera, np.eye(4), STRUCTURED_LIGHT)
    assert space.passed.item() == 1

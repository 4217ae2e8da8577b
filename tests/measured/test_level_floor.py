"""Each keyframe that sees the floor sees which way is up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.errors import InputError
from mapper.measured.level_floor import level_up, of_floor
from tests.measured.test_camera_height import DOWN, SCALES, floor, floor_seen, map_of, saved

UP = np.array([0.0, -1.0, 0.0])


def test_every_keyframe_tells_it_in_its_own_axes() -> None:
    found = of_floor(saved(), floor(), map_of)
    assert [up.keyframe for up in found] == list(SCALES)
    for up in found:
        np.testing.assert_allclose(DOWN @ up.up, UP, atol=0.01)


def test_of_a_map_that_leans_there_each_tells_its_own() -> None:
    leaning = Rotation.from_euler("z", 8, degrees=True).as_matrix() @ DOWN
    seen = level_up(floor_seen(DOWN), leaning.T @ UP)
    assert seen is not None
    np.testing.assert_allclose(DOWN @ seen, UP, atol=0.01)


def test_noise_does_not_hide_it() -> None:
    view = floor_seen(DOWN)
    rng = np.random.default_rng(0)
    view.depth *= (1 + 0.005 * rng.normal(size=view.depth.shape)).astype(np.float32)
    seen = level_up(view, DOWN.T @ UP)
    assert seen is not None
    assert np.degrees(np.arccos(DOWN @ seen @ UP)) < 2


def test_who_sees_none_says_nothing() -> None:
    view = floor_seen(DOWN)
    assert level_up(view, np.array([0.0, 0, -1])) is None  # a wall
    view.depth[:] = 0
    assert level_up(view, UP) is None
    few = replace(saved(), left_out=[1])
    with pytest.raises(InputError, match="--gravity auto: 2 of 2 keyframes"):
        of_floor(few, floor(), map_of)

"""A keyframe's depth map averages what lies on its surfaces and can be stored exactly."""

from __future__ import annotations

import numpy as np

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.geometry import backproject, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction

CAMERA = Intrinsics(50, 50, 19.5, 14.5, 40, 30)


def prediction(depth: np.ndarray | float, confidence: float = 1.0) -> Prediction:
    full = np.broadcast_to(np.asarray(depth, np.float32), (30, 40)).copy()
    return Prediction(
        0,
        0.0,
        backproject(full, CAMERA),
        np.full((30, 40), confidence, np.float32),
        np.eye(4),
        CAMERA,
        np.zeros((30, 40, 3), np.uint8),
        True,
        noise=STRUCTURED_LIGHT,
    )


def shifted(x: float = 0.0, z: float = 0.0) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0, z]))


def test_a_new_map_is_its_first_view() -> None:
    depth = np.full((30, 40), 2.0, np.float32)
    depth[3, 4], depth[5, 6] = 0.0, np.nan
    made = KeyframeMap.of(prediction(depth, 0.5))
    assert made.weight[0, 0] == 0.5
    assert made.weight[3, 4] == made.depth[3, 4] == 0
    assert made.weight[5, 6] == made.depth[5, 6] == 0  # NaN is no reading either


def test_the_map_does_not_share_memory_with_the_prediction() -> None:
    source = prediction(2.0)
    KeyframeMap.of(source).fuse(prediction(2.02), np.eye(4))
    np.testing.assert_array_equal(source.pointmap[..., 2], 2.0)
    np.testing.assert_array_equal(source.confidence, 1.0)


def test_readings_of_one_surface_are_averaged_by_confidence() -> None:
    made = KeyframeMap.of(prediction(2.0, 1.0))
    made.fuse(prediction(2.02, 3.0), np.eye(4))  # within 4 sigma + 0.5 %: 34 mm
    np.testing.assert_allclose(made.depth, 2.015, rtol=1e-6)
    np.testing.assert_allclose(made.weight, 4.0)


def test_a_third_view_weighs_as_much_as_it_should() -> None:
    made = KeyframeMap.of(prediction(2.0))
    for z in (2.01, 2.02):
        made.fuse(prediction(z), np.eye(4))
    np.testing.assert_allclose(made.depth, 2.01, rtol=1e-6)


def test_readings_of_another_surface_are_left_out() -> None:
    made = KeyframeMap.of(prediction(2.0))
    for z in (1.9, 2.1):
        made.fuse(prediction(z), np.eye(4))
    np.testing.assert_array_equal(made.depth, 2.0)
    np.testing.assert_array_equal(made.weight, 1.0)


def test_holes_are_filled() -> None:
    depth = np.full((30, 40), 2.0, np.float32)
    depth[10:20, 10:20] = 0
    made = KeyframeMap.of(prediction(depth))
    made.fuse(prediction(2.0, 0.5), np.eye(4))
    np.testing.assert_allclose(made.depth, 2.0, rtol=1e-6)
    np.testing.assert_array_equal(np.unique(made.weight), [0.5, 1.5])


def test_another_camera_s_readings_are_carried_over() -> None:
    made = KeyframeMap.of(prediction(2.0))
    made.fuse(prediction(1.9), shifted(x=0.2, z=0.1))  # stands 10 cm ahead: the same wall
    np.testing.assert_allclose(made.depth, 2.0, rtol=1e-5)
    # 0.2 m aside is 5 pixels at 2 m: the left columns get nothing, the middle gets its share.
    assert (made.weight[:, :4] == 1.0).all()
    assert made.weight[10:20, 10:35].mean() > 1.8


def test_readings_in_other_units_are_brought_into_the_map_s() -> None:
    made = KeyframeMap.of(prediction(2.0))
    made.fuse(prediction(0.505, 3.0), np.eye(4), 4.0)  # 2.02 in the map's units
    np.testing.assert_allclose(made.depth, 2.015, rtol=1e-6)


def test_points_without_confidence_or_behind_the_camera_are_ignored() -> None:
    made = KeyframeMap.of(prediction(2.0))
    made.fuse(prediction(2.0, 0.0), np.eye(4))
    made.fuse(prediction(2.0), shifted(z=-3.0))
    np.testing.assert_array_equal(made.weight, 1.0)


def test_nan_points_do_not_spread() -> None:
    depth = np.full((30, 40), 2.0, np.float32)
    depth[10] = np.nan
    made = KeyframeMap.of(prediction(2.0))
    made.fuse(prediction(depth), np.eye(4))
    assert np.isfinite(made.depth).all() and np.isfinite(made.weight).all()
    np.testing.assert_array_equal(made.weight[10], 1.0)


def test_freezing_rounds_by_less_than_a_tenth_of_a_millimetre() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 3.9, (30, 40)).astype(np.float32)
    made = KeyframeMap.of(prediction(depth))
    before, weight = made.depth.copy(), made.weight.copy()
    made.freeze()
    # 14 bits of mantissa: half a step is 2^-15 of the power of two below.
    assert np.abs(made.depth - before).max() <= 2.0 * 2.0**-14
    assert np.abs(made.weight - weight).max() <= 2.0**-14
    assert np.abs((made.depth - before).mean()) < 1e-5  # to nearest, not down
    assert not (made.depth.view(np.uint32) & 0x1FF).any()


def test_freezing_twice_changes_nothing_and_holes_stay_holes() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 3.9, (30, 40)).astype(np.float32)
    depth[4] = 0
    made = KeyframeMap.of(prediction(depth))
    made.freeze()
    once = made.depth.copy()
    made.freeze()
    np.testing.assert_array_equal(made.depth, once)
    assert not made.depth[4].any()

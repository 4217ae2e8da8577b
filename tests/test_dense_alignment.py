"""Dense alignment recovers small motions, and says so when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from room_views import Room, distance, pyramid_of

from mapper.dense_alignment import Alignment, AlignmentConfig, align
from mapper.frame import Frame
from mapper.geometry import exp_se3
from mapper.intrinsics import Intrinsics

CONFIG = AlignmentConfig()
CAMERA = Intrinsics(150, 150, 79.5, 59.5, 160, 120)


def wall(x: float, y: float = 0.0) -> Frame:
    """A wall two metres ahead with a smooth pattern, seen from (x, y, 0)."""
    v, u = np.indices((120, 160))
    X, Y = x + (u - 79.5) / 150 * 2, y + (v - 59.5) / 150 * 2
    grey = 128 + 50 * np.sin(9 * X + 2 * Y) + 50 * np.cos(8 * Y - 3 * X)
    image = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, 2)
    return Frame(0, 0.0, image, np.full((120, 160), 2.0, np.float32), CAMERA)


def aligned_walls(x: float, photometric_weight: float) -> Alignment:
    config = AlignmentConfig(photometric_weight=photometric_weight)
    return align(pyramid_of(wall(0)), pyramid_of(wall(x)), np.eye(4), config)


@pytest.mark.parametrize("index", [0, 60, 150])
def test_recovers_a_small_motion_in_the_room(room: Room, index: int) -> None:
    motion = exp_se3(np.array([0.012, -0.015, 0.01, 0.02, -0.015, 0.01]))
    reference = room.frame(index, noisy=False)
    source = room.at(room.poses[index] @ motion)
    result = align(pyramid_of(reference), pyramid_of(source), np.eye(4), CONFIG)
    metres, degrees = distance(result.T_reference_source, motion)
    # The views are free of noise; what is left is the sampling of half a pixel, 6 mm at 2 m.
    assert metres < 1e-3 and degrees < 0.1
    assert result.converged and result.inlier_ratio > 0.8
    assert result.rmse < 5e-3
    assert result.overlap > 0.8


def test_a_view_lies_on_itself(room: Room) -> None:
    pyramid = pyramid_of(room.frame(0, noisy=False))
    result = align(pyramid, pyramid, np.eye(4), CONFIG)
    assert max(distance(result.T_reference_source, np.eye(4))) < 1e-6
    assert result.converged and result.inlier_ratio == 1.0
    assert result.rmse < 1e-6


def test_the_result_is_a_true_rotation_and_the_start_is_left_alone(room: Room) -> None:
    start = exp_se3(np.array([0.01, 0, 0, 0.01, 0, 0]))
    before = start.copy()
    pyramid = pyramid_of(room.frame(0))
    T = align(pyramid, pyramid, start, CONFIG).T_reference_source
    np.testing.assert_array_equal(start, before)
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)


def test_sliding_along_a_wall_is_seen_in_its_pattern_only() -> None:
    blind = aligned_walls(0.03, photometric_weight=0.0)
    seeing = aligned_walls(0.03, photometric_weight=0.05)
    assert abs(blind.T_reference_source[0, 3]) < 1e-3  # nothing pulls: it stays where it began
    # 1 mm is a fifteenth of a pixel at the finest level.
    np.testing.assert_allclose(seeing.T_reference_source[:3, 3], [0.03, 0, 0], atol=1e-3)


def test_information_is_small_along_a_wall_and_large_against_it() -> None:
    information = aligned_walls(0.0, photometric_weight=0.0).information
    along_x, along_y, against = np.diag(information)[3:]
    about_z = information[2, 2]
    assert max(along_x, along_y, about_z) < 1e-3 * against
    # Each point pulls along the normal with 1 / sigma^2 of its depth.
    sigma = 0.0012 + 0.0019 * 1.6**2
    assert 0.5 < against / (80 * 60 / sigma**2) <= 1.0
    np.testing.assert_array_equal(information, information.T)


def test_the_pattern_adds_information_along_the_wall() -> None:
    blind = np.diag(aligned_walls(0.0, 0.0).information)
    seeing = np.diag(aligned_walls(0.0, 0.05).information)
    assert (seeing[[2, 3, 4]] > 10 * blind[[2, 3, 4]] + 1.0).all()


def test_too_few_points_are_no_alignment() -> None:
    frame = wall(0)
    hidden = Frame(0, 0.0, frame.image, np.zeros((120, 160), np.float32), CAMERA)
    for reference, source in ((frame, hidden), (hidden, frame), (hidden, hidden)):
        result = align(pyramid_of(reference), pyramid_of(source), np.eye(4), CONFIG)
        assert result.inlier_ratio == 0.0 and not result.converged
        np.testing.assert_array_equal(result.T_reference_source, np.eye(4))


def test_views_that_share_nothing_do_not_agree(room: Room) -> None:
    a, b = pyramid_of(room.frame(0)), pyramid_of(room.frame(120))
    turned = exp_se3(np.array([0, np.pi, 0, 0, 0, 0.0]))
    result = align(a, b, turned, CONFIG)
    assert result.inlier_ratio == 0.0 and not result.converged


def test_nan_depth_does_not_reach_the_result(room: Room) -> None:
    frame = room.frame(0, noisy=False)
    assert frame.depth is not None
    holed = frame.depth.copy()
    holed[50:120, 60:200] = np.nan
    motion = exp_se3(np.array([0.005, -0.005, 0.005, 0.01, -0.01, 0.01]))
    source = room.at(room.poses[0] @ motion)
    reference = pyramid_of(Frame(0, 0.0, frame.image, holed, frame.intrinsics))
    result = align(reference, pyramid_of(source), np.eye(4), CONFIG)
    assert np.isfinite(result.information).all()
    metres, degrees = distance(result.T_reference_source, motion)
    assert metres < 1e-3 and degrees < 0.1

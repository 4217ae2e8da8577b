"""Dense alignment recovers small motions, and says so when it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.camera_kinds import CameraKind
from mapper.core.depth_noise import NOISE_BY_KIND
from mapper.core.frame import Frame
from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import (
    exp_sim3,
    inverse_similarity,
    log_sim3,
    rigid_part,
    scale_of,
    similarity,
)
from mapper.frontends.rgbd.view import View
from mapper.vision.dense_alignment import Alignment, AlignmentConfig, align
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, pyramid_of, scaled_depth, with_arm

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
    metres, degrees = distance(result.S_reference_source, motion)
    # The views are free of noise; what is left is the sampling of half a pixel, 6 mm at 2 m.
    assert metres < 1e-3 and degrees < 0.1
    assert result.converged and result.inlier_ratio > 0.8
    assert result.rmse < 5e-3
    assert result.overlap > 0.8


def test_a_view_lies_on_itself(room: Room) -> None:
    pyramid = pyramid_of(room.frame(0, noisy=False))
    result = align(pyramid, pyramid, np.eye(4), CONFIG)
    assert max(distance(result.S_reference_source, np.eye(4))) < 1e-6
    assert result.converged and result.inlier_ratio == 1.0
    assert result.rmse < 1e-6


def test_the_result_is_a_true_rotation_and_the_start_is_left_alone(room: Room) -> None:
    start = exp_se3(np.array([0.01, 0, 0, 0.01, 0, 0]))
    before = start.copy()
    pyramid = pyramid_of(room.frame(0))
    T = align(pyramid, pyramid, start, CONFIG).S_reference_source
    np.testing.assert_array_equal(start, before)
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)


def test_sliding_along_a_wall_is_seen_in_its_pattern_only() -> None:
    blind = aligned_walls(0.03, photometric_weight=0.0)
    seeing = aligned_walls(0.03, photometric_weight=0.05)
    assert abs(blind.S_reference_source[0, 3]) < 1e-3  # nothing pulls: it stays where it began
    # 1 mm is a fifteenth of a pixel at the finest level.
    np.testing.assert_allclose(seeing.S_reference_source[:3, 3], [0.03, 0, 0], atol=1e-3)


def test_information_is_small_along_a_wall_and_large_against_it() -> None:
    information = aligned_walls(0.0, photometric_weight=0.0).information
    along_x, along_y, against = np.diag(information)[3:6]
    about_z = information[2, 2]
    assert max(along_x, along_y, about_z) < 1e-3 * against
    # Each point pulls along the normal with 1 / sigma^2 of its depth.
    sigma = 0.0012 + 0.0019 * 1.6**2
    assert 0.5 < against / (160 * 120 / sigma**2) <= 1.0
    np.testing.assert_array_equal(information, information.T)


def test_the_pattern_adds_information_along_the_wall() -> None:
    blind = np.diag(aligned_walls(0.0, 0.0).information)
    seeing = np.diag(aligned_walls(0.0, 0.05).information)
    assert (seeing[[2, 3, 4]] > 10 * blind[[2, 3, 4]] + 1.0).all()


def test_light_counts_fully_along_a_wall_and_little_against_it() -> None:
    """What planes know well light must not spoil; where they know nothing it is all there is."""
    blind, little, fully = (aligned_walls(0.0, w).information for w in (0.0, 0.05, 1.0))
    told, of_all = little - blind, fully - blind
    along, against = [2, 3, 4], 5
    np.testing.assert_allclose(told[along, along], of_all[along, along], rtol=0.05)
    assert told[against, against] == pytest.approx(0.05 * of_all[against, against], rel=0.2)


@pytest.mark.parametrize("kind", NOISE_BY_KIND)
def test_an_alignment_stays_where_it_has_come_to_rest(room: Room, kind: CameraKind) -> None:
    """However little planes are believed: steps that light and planes take together do not grow."""
    noise = NOISE_BY_KIND[kind]
    views = [View.of(replace(room.frame(i), noise=noise), OrbMatcher()) for i in (24, 31)]
    reference, source = (view.pyramid for view in views)
    T = room.relative(24, 31)
    for _ in range(4):
        before, T = T, align(reference, source, T, CONFIG).S_reference_source
    assert distance(T, before)[0] < 1e-4
    assert distance(T, room.relative(24, 31))[0] < 2e-3


@pytest.mark.parametrize("kind", NOISE_BY_KIND)
def test_what_is_near_draws_the_camera_along_less_where_it_counts_evenly(
    room: Room, kind: CameraKind
) -> None:
    """A sleeve goes with the camera: its readings are the surest, and say that nothing moved."""
    noise = NOISE_BY_KIND[kind]
    frames = [replace(with_arm(room.frame(i), 120), noise=noise) for i in (20, 21)]
    reference, source = (View.of(frame, OrbMatcher()).pyramid for frame in frames)
    off = {}
    for evenness in (0.0, 1.0):
        config = AlignmentConfig(evenness=evenness)
        T = align(reference, source, np.eye(4), config).S_reference_source
        T = align(reference, source, T, config).S_reference_source
        off[evenness] = distance(T, room.relative(20, 21))[0]
    assert off[1.0] < 0.6 * off[0.0]


def test_too_few_points_are_no_alignment() -> None:
    frame = wall(0)
    hidden = Frame(0, 0.0, frame.image, np.zeros((120, 160), np.float32), CAMERA)
    for reference, source in ((frame, hidden), (hidden, frame), (hidden, hidden)):
        result = align(pyramid_of(reference), pyramid_of(source), np.eye(4), CONFIG)
        assert result.inlier_ratio == 0.0 and not result.converged
        np.testing.assert_array_equal(result.S_reference_source, np.eye(4))


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
    metres, degrees = distance(result.S_reference_source, motion)
    assert metres < 1e-3 and degrees < 0.1


@pytest.mark.parametrize("index", [0, 60, 150])
@pytest.mark.parametrize("units", [1.0, 1.04, 1 / 1.04])
def test_recovers_a_change_of_scale_in_the_room(room: Room, index: int, units: float) -> None:
    motion = exp_se3(np.array([0.012, -0.015, 0.01, 0.02, -0.015, 0.01]))
    source = scaled_depth(room.at(room.poses[index] @ motion), 1 / units)
    reference = pyramid_of(room.frame(index, noisy=False))
    result = align(reference, pyramid_of(source), np.eye(4), CONFIG, with_scale=True)
    # A tenth of a per cent is 2 mm at 2 m: a third of a pixel.
    assert scale_of(result.S_reference_source) == pytest.approx(units, rel=1e-3)
    metres, degrees = distance(rigid_part(result.S_reference_source), motion)
    assert metres < 2e-3 and degrees < 0.1
    assert result.converged and result.rmse < 5e-3


def test_without_asking_the_scale_stays_where_it_began(room: Room) -> None:
    reference = pyramid_of(room.frame(0, noisy=False))
    source = pyramid_of(scaled_depth(room.frame(0, noisy=False), 1 / 1.04))
    for scale in (1.0, 1.04):
        result = align(reference, source, similarity(scale, np.eye(4)), CONFIG)
        assert scale_of(result.S_reference_source) == pytest.approx(scale, abs=1e-12)
        assert not result.information[6].any() and not result.information[:, 6].any()
    assert max(distance(rigid_part(result.S_reference_source), np.eye(4))) < 1e-2


def test_one_step_brings_a_small_similarity_most_of_the_way_back(room: Room) -> None:
    """Jacobian and update speak of the same tangent, in each of its directions."""
    pyramid = pyramid_of(room.frame(60, noisy=False))
    one_step = AlignmentConfig(iterations=(1, 1, 1), photometric_weight=0.0, finest_level=2)
    for direction in range(7):
        xi = np.zeros(7)
        xi[direction] = 0.004
        result = align(pyramid, pyramid, exp_sim3(xi), one_step, with_scale=True)
        assert np.abs(log_sim3(result.S_reference_source)).max() < 0.25 * 0.004


def test_swapping_the_views_inverts_the_similarity(room: Room) -> None:
    motion = exp_se3(np.array([0.01, -0.02, 0.01, 0.03, 0.0, -0.02]))
    a = pyramid_of(room.frame(60, noisy=False))
    b = pyramid_of(scaled_depth(room.at(room.poses[60] @ motion), 0.97))
    forward = align(a, b, np.eye(4), CONFIG, with_scale=True).S_reference_source
    backward = align(b, a, np.eye(4), CONFIG, with_scale=True).S_reference_source
    np.testing.assert_allclose(backward, inverse_similarity(forward), atol=3e-3)


@pytest.mark.parametrize("index", [0, 60, 150])
@pytest.mark.parametrize("noisy", [False, True])
def test_a_camera_that_only_turns_keeps_its_scale(room: Room, index: int, noisy: bool) -> None:
    turn = exp_se3(np.array([0.02, 0.15, 0.03, 0, 0, 0]))
    start = turn @ exp_se3(np.array([0.01, -0.01, 0.01, 0.01, 0.01, -0.01]))
    reference = pyramid_of(room.frame(index, noisy=noisy))
    source = pyramid_of(room.at(room.poses[index] @ turn, index + 1, noisy))
    result = align(reference, source, start, CONFIG, with_scale=True)
    assert np.isfinite(result.information).all() and result.converged
    assert scale_of(result.S_reference_source) == pytest.approx(1.0, abs=2e-3)
    metres, degrees = distance(rigid_part(result.S_reference_source), turn)
    assert metres < 4e-3 and degrees < 0.1


def test_a_wall_does_not_make_the_scale_run_away() -> None:
    blank = Frame(0, 0.0, np.full((120, 160, 3), 99, np.uint8), wall(0).depth, CAMERA)
    start = exp_sim3(np.array([0, 0, 0, 0.01, 0, 0.01, 0.005]))
    result = align(pyramid_of(blank), pyramid_of(blank), start, CONFIG, with_scale=True)
    S = result.S_reference_source
    # The wall fits wherever scale and distance make up for each other, and nothing else moves it.
    assert 2 * scale_of(S) + S[2, 3] == pytest.approx(2.0, abs=1e-4)
    np.testing.assert_allclose(log_sim3(S), log_sim3(start), atol=0.02)

"""Edges say where the next keyframe is, and how well each direction of that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import shares_frame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import (
    VOUCHED,
    EdgeConfig,
    OdometryMeasurement,
    Seen,
    edge_information,
    measure_odometry,
)
from mapper.core.depth_noise import LEARNED, STRUCTURED_LIGHT, DepthNoise
from mapper.core.geometry import exp_se3, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction
from mapper.core.sim3 import exp_sim3, inverse_similarity, log_sim3, rigid_part, scale_of
from mapper.vision.dense_alignment import Alignment, align
from mapper.vision.depth_pyramid import build_pyramid
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, in_units, keyframe_of, pyramid_of

CONFIG = EdgeConfig()
ERROR = np.array([0.005, 0, 0.005, 0.01, 0, -0.01])
EXACT = EdgeConfig(
    independent_residuals=1.0, sigma_rotation=1e-12, sigma_translation=1e-12, sigma_scale=0.0
)
DISTANCE_AND_SCALE = np.ix_([5, 6], [5, 6])


def alignment_with(
    information: np.ndarray, S: np.ndarray | None = None, rmse: float = 0.0
) -> Alignment:
    return Alignment(np.eye(4) if S is None else S, 1.0, 1.0, rmse, information, True, pixels=1)


def measured(
    a: Prediction, b: Prediction, free_scale: bool = False, dark: bool = False
) -> OdometryMeasurement:
    """From a's keyframe to b's; dark: without depth."""
    maps = MapCache(None, 10)
    for k, prediction in enumerate((a, b)):
        its_map = KeyframeMap.of(prediction)
        its_map.depth[:] *= float(not dark)
        maps.put(k, its_map)
    previous, new = (keyframe_of(k, p, blind=True) for k, p in enumerate((a, b)))
    new.uncertainty = b.uncertainty
    if a.segment == b.segment:
        new.T_previous_keyframe = inverse(a.T_world_camera) @ b.T_world_camera
    return measure_odometry(previous, new, maps, CONFIG, OrbMatcher(), free_scale)


def step(room: Room, dark: bool = False) -> Edge:
    """Frames 0 and 5, whose pose the frontend has got wrong by ERROR."""
    b = room.prediction(5, room.relative(0, 5) @ exp_se3(ERROR))
    return measured(room.prediction(0), b, dark=dark).edge


def wall_seen_by(noise: DepthNoise) -> Alignment:
    """A blank wall two metres ahead, aligned with itself."""
    image = np.full((120, 160, 3), 128, np.uint8)
    camera = Intrinsics(150, 150, 79.5, 59.5, 160, 120)
    pyramid = build_pyramid(np.full((120, 160), 2.0, np.float32), image, camera, noise)
    return align(pyramid, pyramid, np.eye(4), CONFIG.alignment, with_scale=True)


def test_an_odometry_edge_is_refined_by_dense_alignment(room: Room) -> None:
    edge = step(room)
    metres, degrees = distance(edge.S_i_j, room.relative(0, 5))
    assert metres < 5e-3 and degrees < 0.2
    assert edge.kind == EdgeKind.ODOMETRY
    assert scale_of(edge.S_i_j) == pytest.approx(1.0, abs=1e-12)


def test_an_odometry_edge_without_depth_is_the_frontends_word(room: Room) -> None:
    edge = step(room, dark=True)
    np.testing.assert_allclose(edge.S_i_j, room.relative(0, 5) @ exp_se3(ERROR), atol=1e-12)
    # Sigmas 1e-2 rad, 2e-2 units, 2e-2 of scale for each frame; here five.
    expected = np.array([1e4] * 3 + [2500.0] * 4) / 5
    np.testing.assert_allclose(np.diag(edge.information), expected)


def test_a_network_whose_depth_is_worse_knows_its_steps_worse(room: Room) -> None:
    """In proportion; a step that it claims to be long may be wrong altogether."""
    found = []
    for factor in (1.0, 4.0):
        noise = LEARNED.times(factor)
        a, b = (replace(room.prediction(k), noise=noise) for k in (0, 5))
        found.append(np.diag(measured(a, b, dark=True).edge.information))
    np.testing.assert_allclose(found[0][[0, 6]] / found[1][[0, 6]], 16.0)
    step = np.linalg.norm(room.relative(0, 5)[:3, 3])
    assert found[1][3] == pytest.approx(min(1 / step**2, 2500.0 / 5 / 16), rel=1e-6)


def test_a_frontend_that_knows_its_poses_is_taken_at_its_word(room: Room) -> None:
    """Up to scale its depths were made of them, so aligning these would tell nothing new."""
    known = PoseUncertainty(0, np.diag([1e-6] * 3 + [4e-6] * 3))
    a = in_units(room.prediction(0), 1.0)
    b = replace(in_units(room.prediction(5), 1.0), uncertainty=known)
    b = replace(b, T_world_camera=b.T_world_camera @ exp_se3(ERROR))
    found = measured(a, b, free_scale=True)
    np.testing.assert_allclose(found.edge.S_i_j, room.relative(0, 5) @ exp_se3(ERROR), atol=1e-6)
    sigmas = np.sqrt(np.diag(np.linalg.inv(found.edge.information)))
    # Twice the covariance, as both ends are known so well, and the floor.
    assert sigmas[:3] == pytest.approx(
        np.sqrt(2 * 1e-6 + (VOUCHED * CONFIG.sigma_rotation) ** 2), rel=0.05
    )
    assert sigmas[6] == pytest.approx(VOUCHED * CONFIG.sigma_scale)
    assert found.correction is None and not found.aligned


def test_the_correction_is_what_alignment_changed(room: Room) -> None:
    b = room.prediction(5, room.relative(0, 5) @ exp_se3(ERROR))
    found = measured(room.prediction(0), b)
    start = room.relative(0, 5) @ exp_se3(ERROR)
    assert found.correction is not None
    np.testing.assert_allclose(start @ exp_sim3(found.correction), found.edge.S_i_j, atol=1e-9)
    # It undoes the error, to what noisy depth allows.
    np.testing.assert_allclose(found.correction[:6], -ERROR, atol=6e-3)
    assert measured(room.prediction(0), b, dark=True).correction is None


def test_the_correction_is_against_the_frontend_wherever_alignment_began(room: Room) -> None:
    """The frames in between were aligned to their keyframe: the start has less of the drift."""
    b = room.prediction(5, room.relative(0, 5) @ exp_se3(ERROR))
    maps = MapCache(None, 10)
    for k, prediction in enumerate((room.prediction(0), b)):
        maps.put(k, KeyframeMap.of(prediction))
    previous, new = keyframe_of(0, room.prediction(0), True), keyframe_of(1, b, True)
    new.T_previous_keyframe = room.relative(0, 5)
    found = measure_odometry(previous, new, maps, CONFIG, OrbMatcher(), False)
    assert found.correction is not None
    frontend = room.relative(0, 5) @ exp_se3(ERROR)
    np.testing.assert_allclose(frontend @ exp_sim3(found.correction), found.edge.S_i_j, atol=1e-9)


def test_alignment_that_moves_the_step_too_far_is_not_believed(room: Room) -> None:
    jump = room.relative(0, 5) @ exp_se3(np.array([0, 0, 0, 0.3, 0, 0]))
    found = measured(room.prediction(0), room.prediction(5, jump))
    np.testing.assert_allclose(found.edge.S_i_j, jump, atol=1e-12)
    assert found.correction is None


@pytest.mark.parametrize("units", [0.96, 1.03])
def test_a_step_between_units_carries_their_ratio(room: Room, units: float) -> None:
    a, b = in_units(room.prediction(0), 1.0), in_units(room.prediction(5), units)
    edge = measured(a, b, free_scale=True).edge
    assert scale_of(edge.S_i_j) == pytest.approx(1 / units, rel=3e-3)
    metres, degrees = distance(rigid_part(edge.S_i_j), room.relative(0, 5))
    assert metres < 6e-3 and degrees < 0.2


def test_a_frame_of_two_segments_makes_an_overlap_edge_with_the_ratio(room: Room) -> None:
    first = in_units(room.prediction(5, room.relative(0, 5)), 1.0)
    second = in_units(room.prediction(5, exp_se3(np.arange(6) / 3), segment=1), 0.97)
    found = measured(first, second, free_scale=True)
    assert found.edge.kind == EdgeKind.OVERLAP
    assert found.correction is None  # it says nothing about the drift of a step
    assert scale_of(found.edge.S_i_j) == pytest.approx(1 / 0.97, rel=2e-3)
    np.testing.assert_allclose(found.edge.S_i_j[:3, 3], 0, atol=3e-3)
    np.testing.assert_allclose(rigid_part(found.edge.S_i_j)[:3, :3], np.eye(3), atol=2e-3)


def test_of_a_shared_frame_without_depth_only_the_scale_is_in_doubt(room: Room) -> None:
    first = in_units(room.prediction(5), 1.0)
    second = in_units(room.prediction(5, np.eye(4), segment=1), 1.0)
    edge = measured(first, second, free_scale=True, dark=True).edge
    np.testing.assert_allclose(edge.S_i_j, np.eye(4), atol=1e-12)
    expected = [1e-3**-2] * 3 + [2e-3**-2] * 3 + [2e-2**-2]
    np.testing.assert_allclose(np.diag(edge.information), expected)


def test_frames_are_shared_between_segments_only(room: Room) -> None:
    keyframes = {
        name: keyframe_of(k, room.prediction(frame, segment=segment), blind=True)
        for k, (name, frame, segment) in enumerate(
            [("a", 5, 0), ("same", 5, 1), ("next", 6, 1), ("within", 5, 0)]
        )
    }
    assert shares_frame(keyframes["a"], keyframes["same"])
    assert not shares_frame(keyframes["a"], keyframes["next"])
    assert not shares_frame(keyframes["a"], keyframes["within"])


def test_information_is_carried_from_the_left_of_the_edge_to_its_right() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((7, 7))
    left = root @ root.T + np.eye(7)
    S = exp_sim3(np.array([0.3, -0.8, 1.1, 0.5, -2, 1.5, 0.4]))
    right = edge_information(alignment_with(left, S), EXACT)
    for twist in 1e-4 * rng.standard_normal((5, 7)):
        # The same small motion, as the alignment writes it: S exp(twist) = exp(x) S.
        x = log_sim3(S @ exp_sim3(twist) @ inverse_similarity(S))
        assert twist @ right @ twist == pytest.approx(x @ left @ x, rel=1e-4)


def test_information_never_beats_its_floor() -> None:
    config = EdgeConfig(sigma_rotation=2e-3, sigma_translation=5e-3, sigma_scale=4e-3)
    information = edge_information(alignment_with(1e30 * np.eye(7)), config)
    expected = [2e-3**-2] * 3 + [5e-3**-2] * 3 + [4e-3**-2]
    np.testing.assert_allclose(np.diag(information), expected, rtol=1e-6)


def test_the_floor_grows_with_the_residual() -> None:
    # 0.3 of 4 cm is 12 mm, six times sigma_translation.
    information = edge_information(alignment_with(1e30 * np.eye(7), rmse=0.04), CONFIG)
    sigmas = np.array([1e-3] * 3 + [2e-3] * 3 + [1e-3]) * 6
    np.testing.assert_allclose(np.diag(information), sigmas**-2, rtol=1e-6)


def test_a_direction_that_the_alignment_did_not_see_has_next_to_no_information() -> None:
    left = np.diag([1e9, 1e9, 1e9, 0.0, 1e9, 1e9, 1e9])
    information = edge_information(alignment_with(left), CONFIG)
    assert np.diag(information)[3] < 1e-3 and np.diag(information)[4] > 1e3
    assert np.linalg.eigvalsh(information).min() > 0  # and still is one


@pytest.mark.parametrize("noise", [STRUCTURED_LIGHT, LEARNED])
def test_a_wall_leaves_its_scale_against_its_distance_loose(noise: DepthNoise) -> None:
    information = edge_information(wall_seen_by(noise), CONFIG)
    np.testing.assert_array_equal(information, information.T)
    assert np.linalg.eigvalsh(information).min() > 0  # float32 sums must not make it indefinite
    covariance = np.linalg.inv(information)[DISTANCE_AND_SCALE]
    values, directions = np.linalg.eigh(covariance)
    assert values[1] > 1e6 * values[0]
    # What is loose: two units nearer for each factor of e, so that the wall stays where it is.
    loose = directions[:, 1] / directions[1, 1]
    np.testing.assert_allclose(loose, [-2.0, 1.0], atol=0.01)


@pytest.mark.parametrize("index", [0, 60, 150])
def test_a_corner_of_the_room_ties_scale_and_distance_down(room: Room, index: int) -> None:
    pyramid = pyramid_of(room.frame(index, noisy=False))
    aligned = align(pyramid, pyramid, np.eye(4), CONFIG.alignment, with_scale=True)
    covariance = np.linalg.inv(edge_information(aligned, CONFIG))
    values = np.linalg.eigvalsh(covariance[DISTANCE_AND_SCALE])
    assert values[1] < 500 * values[0]
    assert np.sqrt(covariance[6, 6]) < 0.05


@pytest.mark.parametrize(
    ("sigma", "turning", "expected"),
    [(1.0, 0.0, 20.0 / (1 + 0.02**2)), (0.02, 0.0, 10.0), (0.02, 1.0, 4.0)],
)
def test_what_pixels_of_a_depth_camera_have_in_common_does_not_average_out(
    sigma: float, turning: float, expected: float
) -> None:
    """Of unit residuals 20 count, less where noise hides a bias or the camera turns: 10 ms of
    1 rad/s are as much as 1 % of the depth."""
    config = EdgeConfig(
        independent_pairs=20.0,
        systematic_share=0.01,
        delay=0.01,
        sigma_rotation=1e-12,
        sigma_translation=1e-12,
        sigma_scale=0.0,
    )
    aligned = Alignment(np.eye(4), 1.0, 1.0, 0.0, 500 * np.eye(7), True, 1000, inliers=500)
    seen = Seen(DepthNoise(sigma, 0.0, 0.0), 2.0, turning)
    information = edge_information(aligned, config, seen)
    np.testing.assert_allclose(np.diag(information), expected, rtol=1e-6)

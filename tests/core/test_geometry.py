"""Poses, quaternions, similarity and cameras keep their conventions."""

from __future__ import annotations

import numpy as np
import pypose
import pytest
import torch
from scipy.spatial.transform import RigidTransform, Rotation

from mapper.core.geometry import (
    backproject,
    exp_se3,
    inverse,
    is_rigid,
    orthonormalised,
    pose,
    pose_from_quaternion_xyzw,
    pose_to_quaternion_xyzw,
    rotation_angle,
    transform,
    umeyama,
)
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

EXACT = 1e-12  # a few float64 roundings of numbers near 1


def twists() -> list[np.ndarray]:
    """From nothing over tiny angles to nearly half a turn, rotation first."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((6, 6))
    directions[:, :3] /= np.linalg.norm(directions[:, :3], axis=1, keepdims=True)
    angles = [0.0, 1e-9, 1e-6, 1e-3, 1.0, 3.1]
    return [np.concatenate([a * d[:3], d[3:]]) for a, d in zip(angles, directions, strict=True)]


def some_pose(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return pose(Rotation.random(random_state=seed).as_matrix(), rng.uniform(-2, 2, 3))


@pytest.mark.parametrize("twist", twists())
def test_exp_agrees_with_scipy_which_puts_rotation_first_too(twist: np.ndarray) -> None:
    expected = RigidTransform.from_exp_coords(twist).as_matrix()
    np.testing.assert_allclose(exp_se3(twist), expected, atol=EXACT)


@pytest.mark.parametrize("twist", twists()[3:])
def test_exp_agrees_with_pypose_which_puts_translation_first(twist: np.ndarray) -> None:
    reordered = torch.tensor(np.concatenate([twist[3:], twist[:3]]))
    expected = pypose.se3(reordered).Exp().matrix().numpy()
    np.testing.assert_allclose(exp_se3(twist), expected, atol=1e-9)


def test_exp_of_a_pure_translation_and_of_a_quarter_turn_by_hand() -> None:
    np.testing.assert_array_equal(exp_se3(np.array([0, 0, 0, 1.0, 2, 3]))[:3, 3], [1, 2, 3])
    # Driving along x while turning left by 90 degrees: a quarter circle of arc length pi/2.
    T = exp_se3(np.array([0, 0, np.pi / 2, np.pi / 2, 0, 0]))
    np.testing.assert_allclose(T[:3, 3], [1, 1, 0], atol=EXACT)
    np.testing.assert_allclose(T[:3, 0], [0, 1, 0], atol=EXACT)


def test_inverse_undoes_single_and_stacked_poses() -> None:
    stack = np.stack([some_pose(seed) for seed in range(5)])
    np.testing.assert_allclose(inverse(stack) @ stack, np.tile(np.eye(4), (5, 1, 1)), atol=EXACT)
    np.testing.assert_array_equal(inverse(stack[2]), inverse(stack)[2])


def test_quaternions_are_xyzw_with_positive_w() -> None:
    quarter_turn_about_z = pose(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]), np.zeros(3))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        pose_to_quaternion_xyzw(quarter_turn_about_z), [0, 0, half, half], atol=EXACT
    )
    for seed in range(20):
        assert pose_to_quaternion_xyzw(some_pose(seed))[3] >= 0


def test_quaternions_come_back_whatever_their_sign_and_length() -> None:
    T = some_pose()
    q = pose_to_quaternion_xyzw(T)
    for factor in (1.0, -1.0, 3.0):
        np.testing.assert_allclose(pose_from_quaternion_xyzw(factor * q, T[:3, 3]), T, atol=EXACT)
    stack = pose_from_quaternion_xyzw(np.stack([q, -q]), np.stack([T[:3, 3]] * 2))
    np.testing.assert_allclose(stack, np.stack([T, T]), atol=EXACT)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, np.pi / 2, np.pi])
def test_rotation_angle_from_nothing_to_half_a_turn(angle: float) -> None:
    R = Rotation.from_rotvec(angle * np.array([0.6, 0.0, 0.8])).as_matrix()
    assert rotation_angle(R) == pytest.approx(angle, abs=1e-12)


def test_orthonormalised_finds_the_rotation_under_a_stretch() -> None:
    T = some_pose()
    stretched = T.copy()
    stretched[:3, :3] = T[:3, :3] @ np.diag([1.01, 0.99, 1.002])  # R S: the nearest rotation is R
    np.testing.assert_allclose(orthonormalised(stretched), T, atol=EXACT)
    np.testing.assert_allclose(orthonormalised(np.stack([stretched] * 3))[1], T, atol=EXACT)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("with_scale", [False, True])
def test_umeyama_recovers_an_exact_similarity(flat: bool, with_scale: bool) -> None:
    source = np.random.default_rng(3).standard_normal((12, 3))
    if flat:
        source[:, 2] = 0.0
    T, s = some_pose(), 2.5 if with_scale else 1.0
    scale, found = umeyama(source, s * source @ T[:3, :3].T + T[:3, 3], with_scale)
    assert scale == pytest.approx(s, abs=EXACT)
    np.testing.assert_allclose(found, T, atol=1e-11)


def test_umeyama_ignores_what_weighs_nothing() -> None:
    rng = np.random.default_rng(4)
    source, T = rng.normal(size=(42, 3)), some_pose()
    target = transform(T, 1.7 * source)
    weights = np.ones(42, np.float32)
    weights[14:21], target[14:21] = 0, rng.normal(size=(7, 3))
    scale, found = umeyama(source, target, True, weights)
    assert scale == pytest.approx(1.7)
    np.testing.assert_allclose(found, T, atol=1e-11)
    halves = umeyama(source, target, True, weights / 2)
    assert halves[0] == pytest.approx(scale)


def test_even_weights_are_none() -> None:
    rng = np.random.default_rng(5)
    source, target = rng.normal(size=(2, 42, 3))
    plain, weighted = (umeyama(source, target, True, w) for w in (None, np.full(42, 0.3)))
    assert weighted[0] == pytest.approx(plain[0], abs=EXACT)
    np.testing.assert_allclose(weighted[1], plain[1], atol=EXACT)


def test_many_sets_of_points_are_fitted_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(6)
    source, target = rng.normal(size=(2, 5, 3, 3))
    weights = rng.uniform(0.1, 1, (5, 3))
    for w in (None, weights):
        scales, poses = umeyama(source, target, True, w)
        for k in range(5):
            scale, T = umeyama(source[k], target[k], True, None if w is None else w[k])
            assert scale == pytest.approx(scales[k], abs=EXACT)
            np.testing.assert_allclose(T, poses[k], atol=EXACT)


def test_points_that_do_not_extend_are_not_scaled() -> None:
    scale, T = umeyama(np.ones((4, 3)), np.full((4, 3), 2.0), True)
    assert scale == 1.0
    np.testing.assert_allclose(transform(T, np.ones(3)), [2, 2, 2])


def test_umeyama_without_scale_ignores_a_change_of_size() -> None:
    source = np.random.default_rng(3).standard_normal((12, 3))
    scale, T = umeyama(source, 3.0 * source, False)
    assert scale == 1.0
    np.testing.assert_allclose(T[:3, :3], np.eye(3), atol=EXACT)


def test_umeyama_never_answers_with_a_reflection() -> None:
    source = np.random.default_rng(3).standard_normal((12, 3))
    _, T = umeyama(source, source * [1.0, 1.0, -1.0], True)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0, abs=EXACT)


def test_transform_moves_points_of_any_shape() -> None:
    T = pose(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]), np.array([10.0, 0, 0]))
    points = np.ones((2, 3, 3)) * [1.0, 2, 3]
    np.testing.assert_allclose(transform(T, points)[1, 2], [8, 1, 3], atol=EXACT)


def test_backproject_puts_pixel_centres_at_integers() -> None:
    camera = Intrinsics(100, 200, 1.0, 0.5, 4, 2)
    depth = np.full((2, 4), 2.0, np.float32)
    depth[0, 0] = 0
    points = backproject(depth, camera)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points[0, 0], [0, 0, 0])
    np.testing.assert_allclose(points[1, 1], [0, 0.005, 2])  # on the column cx
    np.testing.assert_allclose(points[0, 3], [0.04, -0.005, 2], rtol=1e-6)


def test_resized_keeps_the_edges_of_the_image_and_not_its_pixel_centres() -> None:
    camera = Intrinsics(100, 120, 3.5, 2.5, 8, 6).resized(4, 3)
    assert (camera.fx, camera.fy, camera.width, camera.height) == (50, 60, 4, 3)
    # The middle of the old image, between pixels 3 and 4, is the middle of the new: 1.5.
    assert (camera.cx, camera.cy) == (1.5, 1.0)
    there_and_back = camera.resized(8, 6)
    assert (there_and_back.cx, there_and_back.cy) == (3.5, 2.5)


def test_cropped_moves_the_principal_point_by_whole_pixels() -> None:
    camera = Intrinsics(100, 100, 50.25, 40, 100, 80).cropped(10, 20, 30, 40)
    assert camera == Intrinsics(100, 100, 40.25, 20, 30, 40)


@pytest.mark.parametrize(
    "values", [(0, 1, 0, 0, 4, 4), (1, -1, 0, 0, 4, 4), (1, 1, np.nan, 0, 4, 4), (1, 1, 0, 0, 0, 4)]
)
def test_impossible_cameras_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        Intrinsics(*values)  # type: ignore[arg-type]


def test_only_rotations_with_a_translation_are_rigid() -> None:
    T = some_pose()
    mirrored, scaled, bent, unknown = (T.copy() for _ in range(4))
    mirrored[:3, 0] *= -1
    scaled[:3, :3] *= 1.01
    bent[3, 0] = 0.1
    unknown[1, 3] = np.nan
    printed = T + np.pad(np.full((3, 3), 2e-4), ((0, 1), (0, 1)))
    stack = np.stack([T, mirrored, scaled, bent, unknown, printed])
    assert is_rigid(stack).tolist() == [True, False, False, False, False, True]
    assert is_rigid(stack[:, :3], 0.1).tolist() == [True, False, True, True, False, True]
    assert bool(is_rigid(T))

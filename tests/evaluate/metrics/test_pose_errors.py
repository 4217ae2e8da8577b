"""Trajectory and pair errors whose size is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.errors import InputError
from mapper.evaluate.metrics.pair import area_under_curve, pair_errors_deg
from mapper.evaluate.metrics.trajectory import pose_errors
from tests.support.made_up_scene import true_pose

TRUE = np.array([true_pose(index) for index in range(8)])
TIMES = np.arange(8.0)


def scaled(factor: float) -> np.ndarray:
    poses = TRUE.copy()
    poses[:, :3, 3] *= factor
    return poses


def test_a_wrong_scale_costs_nothing_under_sim3_and_shows_under_se3() -> None:
    similar = pose_errors(scaled(1.2), TRUE, TIMES, with_scale=True)
    rigid = pose_errors(scaled(1.2), TRUE, TIMES, with_scale=False)
    assert similar.ate == pytest.approx(0, abs=1e-9)
    assert similar.scale == pytest.approx(1 / 1.2)
    spread = TRUE[:, :3, 3] - TRUE[:, :3, 3].mean(0)
    assert rigid.ate == pytest.approx(0.2 * np.sqrt((spread**2).sum(1).mean()))
    assert rigid.scale_error == pytest.approx(0.2)
    assert rigid.ate_sim3 == pytest.approx(0, abs=1e-9)


def test_the_motion_error_is_in_the_scale_of_the_truth_after_sim3() -> None:
    turned = scaled(3.0)
    turned[1::2, :3, :3] @= Rotation.from_euler("z", 1, degrees=True).as_matrix()
    errors = pose_errors(turned, TRUE, TIMES, with_scale=True)
    assert errors.rpe_rotation_deg == pytest.approx(1.0, abs=1e-6)
    steps = np.linalg.norm(np.diff(TRUE[:, :3, 3], axis=0), axis=1)
    assert 0 < errors.rpe_translation < np.radians(1) * steps.max()


@pytest.mark.parametrize("estimate", [TRUE[:2], np.tile(np.eye(4), (8, 1, 1))])
def test_what_cannot_be_aligned_is_refused(estimate: np.ndarray) -> None:
    count = len(estimate)
    with pytest.raises(InputError):
        pose_errors(estimate, TRUE[:count], TIMES[:count], with_scale=True)


def test_pairs_of_equal_cameras_fill_the_whole_area() -> None:
    rotation, translation = pair_errors_deg(TRUE, TRUE)
    assert len(rotation) == 28
    assert rotation.max() < 1e-5
    assert translation.max() < 1e-5
    assert area_under_curve(rotation, translation, 3) == 1.0


def test_the_sign_of_a_translation_does_not_count() -> None:
    mirrored = np.tile(np.eye(4), (2, 1, 1))
    mirrored[1, 0, 3], true = -1.0, mirrored.copy()
    true[1, 0, 3] = 2.0
    assert pair_errors_deg(mirrored, true)[1].item() == pytest.approx(0)


def test_cameras_that_never_move_have_no_direction_and_so_no_score() -> None:
    still = np.tile(np.eye(4), (len(TRUE), 1, 1))
    assert (pair_errors_deg(still, TRUE)[1] == 90).all()


def test_an_error_between_two_degrees_loses_the_bins_below_it() -> None:
    area = area_under_curve(np.array([4.5]), np.array([0.0]), 30)
    assert area == pytest.approx(26 / 30)

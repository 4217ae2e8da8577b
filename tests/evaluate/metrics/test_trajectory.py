"""Errors of trajectories against values worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.geometry import exp_se3, pose
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.evaluate.metrics.trajectory import evaluate

SQUARE = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])


def _trajectory(positions: np.ndarray, rotations: np.ndarray | None = None) -> Trajectory:
    rotations = (
        np.broadcast_to(np.eye(3), (len(positions), 3, 3)) if rotations is None else rotations
    )
    poses = np.stack([pose(R, t) for R, t in zip(rotations, positions, strict=True)])
    return Trajectory(0.1 * np.arange(len(positions)), poses)


def _curve(count: int = 30) -> Trajectory:
    phase = np.linspace(0, 5, count)
    positions = np.stack([np.cos(phase), 2 * np.sin(phase), 0.3 * phase], axis=1)
    rotations = Rotation.from_rotvec(np.outer(phase, [0.1, 0.2, 0.5])).as_matrix()
    return _trajectory(positions, rotations)


def test_a_rigidly_moved_copy_has_no_error() -> None:
    reference = _curve()
    moved = exp_se3(np.array([0.4, -1.0, 2.0, 5.0, -3.0, 1.0])) @ reference.T_world_camera
    result = evaluate(Trajectory(reference.timestamps, moved), reference)
    assert result.ate_se3.max == pytest.approx(0, abs=1e-9)
    assert result.ate_sim3.scale == pytest.approx(1)
    assert result.rpe_translation_rmse == pytest.approx(0, abs=1e-9)
    assert result.rpe_rotation_rmse_deg == pytest.approx(0, abs=1e-4)
    assert (result.matched_poses, result.rpe_pairs, result.coverage) == (30, 29, 1.0)


def test_a_scaled_copy_has_no_error_after_sim3_only() -> None:
    """An estimate half as large: rigidly aligned, half of each distance from the mean is left."""
    reference = _curve()
    poses = reference.T_world_camera.copy()
    poses[:, :3, 3] *= 0.5
    moved = exp_se3(np.array([0.4, -1.0, 2.0, 5.0, -3.0, 1.0])) @ poses
    result = evaluate(Trajectory(reference.timestamps, moved), reference)
    assert result.ate_sim3.scale == pytest.approx(2)
    assert result.ate_sim3.rmse == pytest.approx(0, abs=1e-9)
    away = np.linalg.norm(reference.positions - reference.positions.mean(0), axis=1)
    steps = np.linalg.norm(np.diff(reference.positions, axis=0), axis=1)
    assert result.ate_se3.scale == 1
    assert result.ate_se3.rmse == pytest.approx(0.5 * np.sqrt((away**2).mean()))
    assert result.ate_se3.mean == pytest.approx(0.5 * away.mean())
    assert result.ate_se3.median == pytest.approx(0.5 * np.median(away))
    assert result.ate_se3.max == pytest.approx(0.5 * away.max())
    assert result.rpe_translation_rmse == pytest.approx(0.5 * np.sqrt((steps**2).mean()))
    no_metres = evaluate(Trajectory(reference.timestamps, moved), reference, is_metric=False)
    assert no_metres.rpe_translation_rmse == pytest.approx(0, abs=1e-9)
    assert no_metres.ate_se3 == result.ate_se3


def test_a_warped_square_keeps_its_known_error() -> None:
    """Corners moved by +e, -e, +e, -e along z: no rotation mends that, so each error is e.

    With scale s the mean square is |y|^2 - 2 s x.y + s^2 |x|^2 with |y|^2 = x.y = 2 and
    |x|^2 = 2 + e^2; least at s = 2 / (2 + e^2), where it is 2 e^2 / (2 + e^2). Steps differ
    by 2 e.
    """
    e = 0.1
    warped = SQUARE + np.array([0, 0, e]) * np.array([[1], [-1], [1], [-1]])
    result = evaluate(_trajectory(warped), _trajectory(SQUARE))
    for name in ("rmse", "mean", "median", "max"):
        assert getattr(result.ate_se3, name) == pytest.approx(e)
    assert result.ate_sim3.scale == pytest.approx(2 / (2 + e**2))
    assert result.ate_sim3.rmse == pytest.approx(np.sqrt(2 * e**2 / (2 + e**2)))
    assert result.rpe_translation_rmse == pytest.approx(2 * e)


def test_a_turn_of_one_degree_a_frame_is_seen() -> None:
    turns = Rotation.from_rotvec(np.outer(np.radians(np.arange(4)), [0, 0, 1.0])).as_matrix()
    result = evaluate(_trajectory(SQUARE, turns), _trajectory(SQUARE))
    assert result.rpe_rotation_rmse_deg == pytest.approx(1)
    assert result.ate_se3.rmse == pytest.approx(0, abs=1e-9)


def test_lost_frames_lower_the_coverage() -> None:
    reference = _curve(30)
    half = Trajectory(reference.timestamps[::2] + 0.004, reference.T_world_camera[::2])
    result = evaluate(half, reference, expected_frames=30)
    assert (result.matched_poses, result.expected_poses, result.coverage) == (15, 30, 0.5)
    assert result.ate_se3.rmse == pytest.approx(0, abs=1e-9)


def test_numbers_become_json() -> None:
    numbers = json.loads(json.dumps(evaluate(_curve(), _curve()).to_dict()))
    assert numbers["ate_sim3"]["scale"] == pytest.approx(1)
    assert numbers["coverage"] == 1.0


@pytest.mark.parametrize(
    ("estimate", "message"),
    [
        (Trajectory(np.zeros(0), np.zeros((0, 4, 4))), "estimate has 0 poses"),
        (Trajectory(_curve().timestamps + 1e9, _curve().T_world_camera), "same clock"),
        (Trajectory(_curve().timestamps + 2.8, _curve().T_world_camera), "2 poses match in time"),
        (Trajectory(_curve().timestamps[::-1], _curve().T_world_camera), "do not increase"),
        (Trajectory(_curve().timestamps, np.full((30, 4, 4), np.nan)), "pose 0 is not finite"),
        (_trajectory(np.zeros((30, 3))), "estimate does not move"),
        (_trajectory(np.outer(np.arange(30), [1.0, 2, 3])), "exact line"),
    ],
)
def test_a_failed_run_is_an_error_not_a_zero(estimate: Trajectory, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(estimate, _curve())


def test_more_matches_than_expected_frames_is_an_error() -> None:
    with pytest.raises(InputError, match="only 10 frames"):
        evaluate(_curve(), _curve(), expected_frames=10)
